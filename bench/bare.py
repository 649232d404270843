"""The bare handlers: the same framework and server as the gateway, and nothing but one statement. ``python -m bench.bare``."""

from __future__ import annotations

import os
import uuid
from typing import Any

import asyncpg
import msgspec
import uvicorn
from litestar import Litestar, Response, get, post
from litestar.datastructures import State

SCHEMA = "CREATE SCHEMA bench; CREATE TABLE bench.rows (id uuid PRIMARY KEY, at timestamptz DEFAULT now(), body json)"


@post("/insert", status_code=202)
async def insert(data: dict[str, Any], state: State) -> dict[str, str]:
    """Accept a request in one INSERT."""
    number = uuid.uuid4()
    pool: asyncpg.Pool = state.pool
    await pool.execute(
        "INSERT INTO bench.rows (id, body) VALUES ($1, $2)", number, msgspec.json.encode(data).decode()
    )
    return {"id": str(number)}


@post("/nothing", status_code=202)
async def nothing(data: dict[str, Any]) -> dict[str, str]:
    """Accept a request and forget it."""
    return {"id": str(data["primary_keyword"])}


@get("/row/{number:str}")
async def row(number: str, state: State) -> Response[dict[str, Any]]:
    """Return one row by primary key."""
    pool: asyncpg.Pool = state.pool
    statement = (
        "SELECT job_id, state, created_at, started_at, progress_percent FROM jobs.jobs WHERE job_id = $1"
    )
    found = await pool.fetchrow(statement, number)
    return Response({} if found is None else dict(found))


async def _open(app: Litestar) -> None:
    app.state.pool = await asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=0, max_size=10)


async def _close(app: Litestar) -> None:
    await app.state.pool.close()


if __name__ == "__main__":
    bare = Litestar([insert, nothing, row], on_startup=[_open], on_shutdown=[_close], openapi_config=None)
    uvicorn.run(bare, port=int(os.environ["BLOG_WRITER_PORT"]), access_log=False, log_level="warning")
