"""The later release's migrations, applied while this release's services run, and this release started after them."""

from __future__ import annotations

import asyncio
import signal
import time
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from chaos import evidence as gathering
from chaos.system import System, system
from chassis.broker import connect
from chassis.migrate import migrate

pytestmark = pytest.mark.timeout(180)

SERVICES = {
    "gateway": "gateway",
    "orchestrator-1": "orchestrator",
    "worker-1": "chaos.worker",
    "notifier": "notifier",
}
WITH_SCHEMA = {"gateway": "gateway", "jobs": "orchestrator-1", "notifier": "notifier"}
"""Each schema and the process whose migrations it knows."""
TABLES = {"gateway": "submissions", "jobs": "jobs", "notifier": "deliveries"}
JOBS = 12
REST_SECONDS = 60.0


def write_migrations(folder: Path, schema: str) -> str:
    """Write a package with what a later release adds to a schema; return its name."""
    package = f"later_{schema}"
    files = folder / package / "migrations"
    files.mkdir(parents=True)
    (files.parent / "__init__.py").touch()
    table = f"{schema}.{TABLES[schema]}"
    (files / "0101_mood.sql").write_text(
        f"-- Moods.\n\nALTER TABLE {table} ADD COLUMN mood text;\n"
        f"CREATE TABLE {schema}.moods (mood text PRIMARY KEY);\nCREATE INDEX ON {schema}.moods (mood);\n"
    )
    (files / "0102_mood_index.sql").write_text(
        f"-- Jobs by mood.\n-- transaction: none\n\nDROP INDEX CONCURRENTLY IF EXISTS {schema}.by_mood;\n"
        f"CREATE INDEX CONCURRENTLY by_mood ON {table} (mood);\n"
    )
    return package


class Traffic:
    """A client that submits jobs, looks at them all the time, and writes down every answer."""

    def __init__(self, whole: System) -> None:
        self.http = httpx.AsyncClient(base_url=whole.gateway_url, trust_env=False, timeout=20)
        self.callback = whole.callbacks[0]
        self.answers: Counter[int] = Counter()
        self.job_ids: list[str] = []

    async def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        answer = await self.http.request(method, path, **options)
        self.answers[answer.status_code] += 1
        return answer

    async def submit(self) -> None:
        body = {
            "primary_keyword": "mood",
            "company_url": "https://example.com",
            "callback_url": self.callback,
        }
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        answer = await self.ask("POST", "/write-async", json=body, headers=headers)
        self.job_ids.append(answer.json()["job_id"])

    async def run(self, enough: asyncio.Event) -> None:
        while not enough.is_set():
            if len(self.job_ids) < JOBS:
                await self.submit()
            for job_id in self.job_ids:
                await self.ask("GET", f"/jobs/{job_id}/status")
            await asyncio.sleep(0.05)


async def in_use(url: str, seconds: float, held: asyncio.Event) -> None:
    """Hold every table that is changed, as a long report does."""
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            for schema, table in TABLES.items():
                await connection.execute(f"SELECT count(*) FROM {schema}.{table}")  # noqa: S608  ours
            held.set()
            await asyncio.sleep(seconds)
    finally:
        await connection.close()


async def test_migrations_of_a_later_release_are_not_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages = {schema: write_migrations(tmp_path / "later", schema) for schema in TABLES}
    monkeypatch.syspath_prepend(tmp_path / "later")
    async with (
        system(tmp_path / "system", SERVICES, lucky=True) as whole,
        asyncpg.create_pool(whole.postgres.url, min_size=0, max_size=2) as pool,
    ):
        client = await connect(whole.nats.url, "migration-test")
        traffic, enough = Traffic(whole), asyncio.Event()
        running = asyncio.create_task(traffic.run(enough))
        held = asyncio.Event()
        holding = asyncio.create_task(in_use(whole.postgres.url, 3, held))
        await held.wait()
        began = time.monotonic()
        connection = await asyncpg.connect(whole.postgres.url)
        for schema, package in packages.items():
            assert len(await migrate(connection, schema, package)) == 2
        assert time.monotonic() - began > 1, "no migration waited for a table"
        await connection.close()
        await holding
        left, _ = await gathering.quiet(pool, client.jetstream(), REST_SECONDS)
        enough.set()
        await running

        assert {name: count for name, count in left.items() if count} == {}
        assert set(traffic.answers) == {200, 202}
        states = await pool.fetch("SELECT state, count(*) FROM jobs.jobs GROUP BY state")
        assert [tuple(row) for row in states] == [("completed", JOBS)]

        for schema, name in WITH_SCHEMA.items():
            process = whole.processes[name]
            exits = process.exits
            process.signal(signal.SIGTERM)
            assert await process.ended(exits, 20)
            await whole.until_ready()
            log = (whole.folder / f"{name}.log").read_text()
            assert "schema_newer" in log, f"{name} says nothing of {schema}"
            assert "0102_mood_index.sql" in log
        await traffic.submit()
        left, _ = await gathering.quiet(pool, client.jetstream(), REST_SECONDS)
        assert not any(left.values())
        await traffic.http.aclose()
        await client.close()
