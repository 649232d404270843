"""A running orchestrator on real servers, with scripted workers in place of the real ones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import asyncpg
import msgspec
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from tests.running_service import running

from chassis import database
from chassis.broker import connect
from chassis.clock import Clock
from chassis.migrate import migrate
from chassis.pull import pull
from contracts import codec, streams, subjects
from contracts.commands import CancelJob, JobCommand, RetryJob, RunStage, SubmitJob
from contracts.ids import JobId, new_job_id
from contracts.jobs import ArticleRequest
from contracts.payloads import Inline
from contracts.results import Outcome, StageDone, StageResult, Summary, Verdict
from contracts.stages import StageId
from orchestrator import service
from orchestrator.settings import Settings
from orchestrator.store import JobStore

Script = Callable[[RunStage], Awaitable[Outcome | None]]


def now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251  tests live in real time


def done(command: RunStage, score: float = 90.0, *, passed: bool = True) -> StageDone:
    """Return what a stage that works reports."""
    output = Inline(msgspec.Raw(codec.encode({"stage": command.stage, "round": command.round})))
    if command.stage is StageId.QUALITY:
        return StageDone(output=output, verdict=Verdict(passed=passed, score=score))
    if command.stage is StageId.PUBLISH:
        summary = Summary(headline="A headline", slug="a-headline", word_count=900, aeo_score=score)
        return StageDone(output=output, summary=summary)
    return StageDone(output=output)


async def succeed(command: RunStage) -> Outcome | None:
    return done(command)


class Bench:
    """One database, one broker, any number of orchestrators, and workers that follow a script."""

    def __init__(self, pool: asyncpg.Pool, client: Client, database_url: str, nats_url: str) -> None:
        self.pool = pool
        self.client = client
        self.js = client.jetstream()
        self.database_url = database_url
        self.nats_url = nats_url
        self.commands: list[RunStage] = []

    @asynccontextmanager
    async def orchestrator(self, **settings: Any) -> AsyncIterator[None]:
        chosen = Settings(database_url=self.database_url, nats_url=self.nats_url, **settings)
        async with running(service.run, chosen, None):
            yield

    @asynccontextmanager
    async def workers(self, script: Script = succeed) -> AsyncIterator[None]:
        """Run every stage command through ``script``; None sends no result and keeps the command."""

        async def one(message: Msg) -> None:
            command = codec.decode(message.data, RunStage)
            self.commands.append(command)
            outcome = await script(command)
            if outcome is None:
                return
            await self.report(command, outcome)
            await message.ack()

        async def handle(messages: list[Msg]) -> None:
            await asyncio.gather(*(one(message) for message in messages))

        names = [streams.stage_durable(stage) for stage in StageId]
        tasks = [
            asyncio.create_task(pull(self.js, streams.STAGES.name, name, lambda: 64, handle, recover=_soon))
            for name in names
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def report(self, command: RunStage, outcome: Outcome) -> None:
        result = StageResult(
            job_id=command.job_id,
            stage=command.stage,
            run=command.run,
            round=command.round,
            attempt=command.attempt,
            outcome=outcome,
            started_at=now(),
            finished_at=now(),
            worker="scripted",
        )
        await self.js.publish(subjects.result(command.job_id, command.stage), codec.encode(result))

    async def send(self, command: JobCommand) -> None:
        await self.js.publish(subjects.command(command), codec.encode(command))

    def submission(self, tenant: str = "default", **request: Any) -> SubmitJob:
        wanted = ArticleRequest(**{"primary_keyword": "heat", "company_url": "http://127.0.0.1:1", **request})
        return SubmitJob(job_id=new_job_id(), tenant=tenant, request=wanted, submitted_at=now())

    async def submit(self, tenant: str = "default", **request: Any) -> JobId:
        command = self.submission(tenant, **request)
        await self.send(command)
        return command.job_id

    async def cancel(self, job_id: JobId) -> None:
        await self.send(CancelJob(job_id=job_id, tenant="default", requested_at=now()))

    async def retry(self, job_id: JobId) -> None:
        await self.send(RetryJob(job_id=job_id, tenant="default", requested_at=now()))

    async def job(self, job_id: JobId) -> dict[str, Any]:
        row = await self.pool.fetchrow("SELECT * FROM api.jobs WHERE job_id = $1", job_id)
        return dict(row) if row else {"state": None}

    async def events(self, job_id: JobId) -> list[dict[str, Any]]:
        rows = await self.pool.fetch("SELECT body FROM api.events WHERE job_id = $1 ORDER BY seq", job_id)
        return [msgspec.json.decode(row["body"]) for row in rows]

    async def until(self, job_id: JobId, *states: str, seconds: float = 20) -> dict[str, Any]:
        async with asyncio.timeout(seconds):
            while (job := await self.job(job_id))["state"] not in states:
                await asyncio.sleep(0.02)
        return job

    async def until_empty(self, statement: str, seconds: float = 20) -> None:
        async with asyncio.timeout(seconds):
            while await self.pool.fetchval(statement):
                await asyncio.sleep(0.05)


async def _soon() -> None:
    await asyncio.sleep(0.1)


@pytest.fixture
async def bench(database_url: str, nats_url: str) -> AsyncIterator[Bench]:
    async with asyncpg.create_pool(database_url, min_size=0, max_size=4) as pool:
        async with pool.acquire() as connection:
            await migrate(connection, "jobs", "orchestrator")
        client = await connect(nats_url, "bench")
        yield Bench(pool, client, database_url, nats_url)
        await client.close()


@pytest.fixture
async def open_store(database_url: str) -> AsyncIterator[Callable[..., Awaitable[JobStore]]]:
    """Open stores on one migrated database, each with connections of its own, as replicas have."""
    connection = await asyncpg.connect(database_url)
    await migrate(connection, "jobs", "orchestrator")
    await connection.close()
    async with AsyncExitStack() as stack:

        async def open_one(clock: Clock | None = None, planner: str = "") -> JobStore:
            pool = await database.connect(f"{database_url}?{planner}", name="store")
            stack.push_async_callback(database.close, pool)
            return JobStore(pool, clock)

        yield open_one


@pytest.fixture
def submission() -> Callable[..., tuple[JobId, SubmitJob]]:
    """Make new jobs as inputs of a batch."""

    def make(tenant: str = "default", at: datetime | None = None, **request: Any) -> tuple[JobId, SubmitJob]:
        wanted = ArticleRequest(**{"primary_keyword": "heat", "company_url": "http://127.0.0.1:1", **request})
        job_id = new_job_id()
        return job_id, SubmitJob(job_id=job_id, tenant=tenant, request=wanted, submitted_at=at or now())

    return make


@pytest.fixture
def outcome() -> Callable[..., StageDone]:
    """Make what a stage that works reports."""
    return done
