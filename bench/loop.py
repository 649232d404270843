"""Stage transitions through the orchestrator, against the raw loop on the same servers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from nats.aio.msg import Msg

from bench.measure import Line, Measured, latencies, side_by_side
from bench.processes import Servers, process, servers
from bench.raw_loop import RawLoop
from bench.smallest_loop import SmallestLoop, prepare
from chassis.broker import Outgoing, Publisher
from chassis.clock import SystemClock
from contracts import codec, streams, subjects
from contracts.commands import SubmitJob
from contracts.ids import DEFAULT_TENANT, new_job_id
from contracts.jobs import ArticleRequest
from contracts.stages import TOTAL_STAGES

CONCURRENT = 200
JOBS = 400
RAW_JOBS = 600
NAIVE_JOBS = 100
LONE_JOBS = 15
BATCH = 256
REQUEST = ArticleRequest(primary_keyword="energy efficiency", company_url="https://example.com")
ENDED_SECONDS = 120.0
"""Far more than a turn takes: a job that is lost must not hold up the run for ever."""


class OurLoop:
    """Submits jobs and hears of their ends."""

    def __init__(self, servers: Servers) -> None:
        self._publisher = Publisher(servers.client.jetstream(), (streams.COMMANDS,))
        self._client = servers.client
        self._missing = 0
        self._over = asyncio.Event()

    async def listen(self) -> None:
        """Hear of the ends of jobs."""
        await self._client.subscribe(subjects.event_filter("completed"), cb=self._on_completed)

    async def _on_completed(self, _message: Msg) -> None:
        self._missing -= 1
        if self._missing == 0:
            self._over.set()

    async def run(self, jobs: int) -> float:
        """Bring so many jobs to their end; return the seconds it took."""
        self._missing = jobs
        self._over.clear()
        start = time.perf_counter()
        sent = await self._publisher.publish_all([_submission() for _ in range(jobs)])
        assert len(sent) == jobs  # noqa: S101  the servers are ours
        async with asyncio.timeout(ENDED_SECONDS):
            await self._over.wait()
        return time.perf_counter() - start


def _submission() -> Outgoing:
    job = SubmitJob(
        job_id=new_job_id(), tenant=DEFAULT_TENANT, request=REQUEST, submitted_at=SystemClock().now()
    )
    return Outgoing(subjects.command(job), codec.encode(job), job.job_id)


@asynccontextmanager
async def _ours(s: Servers) -> AsyncIterator[OurLoop]:
    environment = {**s.environment, "BLOG_WRITER_MAX_CONCURRENT": str(CONCURRENT)}
    async with (
        process(s.folder, "orchestrator", environment),
        process(s.folder, "bench.workers", environment),
    ):
        loop = OurLoop(s)
        await loop.listen()
        await loop.run(1)
        yield loop


@asynccontextmanager
async def _smallest(s: Servers, batch: int, way: str) -> AsyncIterator[SmallestLoop]:
    async with process(s.folder, "bench.smallest_loop", s.environment, str(batch), way):
        loop = SmallestLoop(s.pool, s.client, batch, way)
        await loop.run(1, 1)
        yield loop


@asynccontextmanager
async def _raw(s: Servers, way: str) -> AsyncIterator[RawLoop]:
    async with process(s.folder, "bench.workers", s.environment):
        loop = RawLoop(s.pool, s.client, BATCH, REQUEST, way)
        await loop.run(1, 1)
        yield loop


async def measure(rounds: int) -> list[Line]:
    """Return the row."""
    async with servers() as s:
        await prepare(s.pool, s.client)

        async def ours() -> Measured:
            async with _ours(s) as loop:
                seconds = await loop.run(JOBS)
                lone = [await loop.run(1) for _ in range(LONE_JOBS)]
            return {"transitions/s": JOBS * TOTAL_STAGES / seconds, **latencies(lone, "lone job")}

        async def smallest() -> Measured:
            async with _smallest(s, BATCH, "single") as loop:
                seconds = await loop.run(RAW_JOBS, CONCURRENT)
                lone = [await loop.run(1, 1) for _ in range(LONE_JOBS)]
            return {"transitions/s": RAW_JOBS * TOTAL_STAGES / seconds, **latencies(lone, "lone job")}

        async def naive() -> Measured:
            async with _smallest(s, 1, "single") as loop:
                return {"transitions/s": NAIVE_JOBS * TOTAL_STAGES / await loop.run(NAIVE_JOBS, CONCURRENT)}

        async def atomic() -> Measured:
            async with _smallest(s, BATCH, "atomic") as loop:
                return {"transitions/s": RAW_JOBS * TOTAL_STAGES / await loop.run(RAW_JOBS, CONCURRENT)}

        async def raw(way: str) -> Measured:
            async with _raw(s, way) as loop:
                seconds = await loop.run(JOBS, CONCURRENT)
                lone = [await loop.run(1, 1) for _ in range(LONE_JOBS)]
            return {"transitions/s": JOBS * TOTAL_STAGES / seconds, **latencies(lone, "lone job")}

        baselines = {
            "raw loop, batched": lambda: raw("single"),
            "raw loop, batched and atomic": lambda: raw("atomic"),
            "smallest loop, batched": smallest,
            "smallest loop, batched and atomic": atomic,
            "smallest loop, one at a time": naive,
        }
        return await side_by_side("loop", ours, baselines, rounds)
