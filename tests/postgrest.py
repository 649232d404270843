"""A PostgREST over a real socket: its rules for requests, in front of a real Postgres that decides about rows."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import asyncpg

from chassis.http import serve

ROOT = Path(__file__).parents[1]
KEY = "service-role-key.of-a-test"
STATUSES = {"23505": 409, "23503": 409, "42P01": 404, "42501": 403}
"""HTTP statuses of Postgres's errors, as PostgREST's documentation has them; others are 400."""
PRIMARY_KEY = """
SELECT string_agg(attname, ', ') FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY (indkey)
WHERE indisprimary AND indrelid = $1::text::regclass
"""

Habit = Callable[[Any], Awaitable[None]]


class Postgrest:
    """Answers ``POST /rest/v1/<table>``. A habit answers one request in its place; while ``late`` is not set,
    what was asked is done and not answered."""

    def __init__(self, database: asyncpg.Pool) -> None:
        self.database = database
        self.key = KEY
        self.habits: list[Habit] = []
        self.late: asyncio.Event | None = None
        self.requests: list[dict[str, Any]] = []
        self.url = ""

    async def rows(self) -> list[dict[str, Any]]:
        return [dict(row) for row in await self.database.fetch("SELECT * FROM articles ORDER BY job_id")]

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            event = await receive()
            body, more = body + event.get("body", b""), event.get("more_body", False)
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        query = {name: values[0] for name, values in parse_qs(scope["query_string"].decode()).items()}
        self.requests.append({"path": scope["path"], "query": query, "headers": headers, "body": body})
        if self.habits:
            await self.habits.pop(0)(send)
            return
        status, said = await self._answer(scope["path"], query, headers, body)
        if self.late is not None:
            await self.late.wait()
        await answer(send, status, said)

    async def _answer(
        self, path: str, query: dict[str, str], headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, Any]]:
        table = path.removeprefix("/rest/v1/")
        if headers.get("apikey") != self.key or headers.get("authorization") != f"Bearer {self.key}":
            return 401, {"message": "Invalid API key", "hint": "Double check your API key."}
        known = await self.database.fetch(
            "SELECT column_name FROM information_schema.columns WHERE table_name = $1", table
        )
        columns = {row["column_name"] for row in known}
        if not columns:
            return 404, problem("PGRST205", f"Could not find the table 'public.{table}' in the schema cache")
        row = json.loads(body)
        strangers = sorted(set(row) - columns)
        if strangers:
            return 400, problem(
                "PGRST204", f"Could not find the '{strangers[0]}' column of '{table}' in the schema cache"
            )
        return await self._insert(table, list(row), query.get("on_conflict"), headers.get("prefer", ""), body)

    async def _insert(
        self, table: str, names: list[str], conflict: str | None, prefer: str, body: bytes
    ) -> tuple[int, dict[str, Any]]:
        """Insert as PostgREST does: ``on_conflict``, else the primary key, counts only beside
        ``resolution=merge-duplicates``."""
        listed = ", ".join(names)
        clause = ""
        if "resolution=merge-duplicates" in prefer:
            changes = ", ".join(f"{name} = EXCLUDED.{name}" for name in names)
            key = conflict or await self.database.fetchval(PRIMARY_KEY, table)
            clause = f"ON CONFLICT ({key}) DO UPDATE SET {changes}"
        statement = (
            f"INSERT INTO {table} ({listed}) SELECT {listed} FROM json_populate_record(NULL::{table}, $1) "  # noqa: S608
            f"{clause} RETURNING xmax = 0"
        )
        try:
            new = await self.database.fetchval(statement, body.decode())
        except asyncpg.PostgresError as error:
            code = str(error.sqlstate)
            return STATUSES.get(code, 400), problem(code, str(error.message), error.detail)
        return (201 if new else 200), {}


def problem(code: str, message: str, details: str | None = None) -> dict[str, Any]:
    return {"code": code, "message": message, "details": details, "hint": None}


async def answer(send: Any, status: int, body: dict[str, Any], **headers: str) -> None:
    sent = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": sent})
    await send({"type": "http.response.body", "body": json.dumps(body).encode() if body else b""})


def answering(status: int, **headers: str) -> Habit:
    """Return the habit of answering so, whatever was asked."""

    async def habit(send: Any) -> None:
        await answer(send, status, {"message": f"a {status} of a test", "code": "TEST"}, **headers)

    return habit


def documented_table() -> str:
    """Return the statement that the documentation gives to make the table."""
    found = re.search(
        r"^```sql\n(.*?)^```", (ROOT / "docs/publishing.md").read_text(), re.MULTILINE | re.DOTALL
    )
    assert found is not None
    return found[1]


@asynccontextmanager
async def served(database_url: str) -> AsyncIterator[Postgrest]:
    """Serve a PostgREST whose database has the table of the documentation, empty."""
    ready, stop = asyncio.Event(), asyncio.Event()
    async with asyncpg.create_pool(database_url, min_size=1, max_size=4) as database:
        await database.execute(documented_table())
        fake = Postgrest(database)

        def bound(port: int) -> None:
            fake.url = f"http://127.0.0.1:{port}"

        serving = asyncio.ensure_future(serve(fake, "127.0.0.1", 0, ready, stop, bound))
        await asyncio.wait_for(ready.wait(), 30)
        try:
            yield fake
        finally:
            stop.set()
            await serving
