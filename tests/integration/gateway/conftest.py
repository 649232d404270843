"""A running gateway over real HTTP, beside a real orchestrator's schema."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from tests.running_service import running

import gateway.service
import gateway.settings
import orchestrator.service
import orchestrator.settings
from blog_writer.embedded.child import free_port
from blog_writer.migrations import migrate_all


class Door:
    """One gateway and what it needs; the orchestrator may run or not."""

    def __init__(self, database_url: str, nats_url: str, folder: Path, pool: asyncpg.Pool) -> None:
        self.database_url = database_url
        self.nats_url = nats_url
        self.folder = folder
        self.pool = pool
        self.port = free_port()
        self.http = httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", timeout=20, trust_env=False)

    @asynccontextmanager
    async def gateway(self, **settings: Any) -> AsyncIterator[None]:
        values: dict[str, Any] = {
            "database_url": self.database_url,
            "nats_url": self.nats_url,
            "article_store": self.folder.as_uri(),
            "port": self.port,
            "db_path": "jobs.db",
        }
        async with running(gateway.service.run, gateway.settings.Settings(**{**values, **settings})):
            yield

    @asynccontextmanager
    async def orchestrator(self, **settings: Any) -> AsyncIterator[None]:
        chosen = orchestrator.settings.Settings(
            database_url=self.database_url, nats_url=self.nats_url, **settings
        )
        async with running(orchestrator.service.run, chosen):
            yield

    async def submit(self, **request: Any) -> str:
        wanted = {"primary_keyword": "energy", "company_url": "https://example.com", **request}
        answer = await self.http.post("/write-async", json=wanted)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["job_id"])

    async def until(self, job_id: str, *states: str, seconds: float = 20) -> dict[str, Any]:
        async with asyncio.timeout(seconds):
            while True:
                status = (await self.http.get(f"/jobs/{job_id}/status")).json()
                if status["status"] in states:
                    return dict(status)
                await asyncio.sleep(0.02)


@pytest.fixture
async def door(database_url: str, nats_url: str, tmp_path: Path) -> AsyncIterator[Door]:
    await migrate_all(database_url)
    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(asyncpg.create_pool(database_url, min_size=0, max_size=3))
        made = Door(database_url, nats_url, tmp_path / "articles", pool)
        await stack.enter_async_context(made.http)
        yield made


@pytest.fixture
def dead_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
