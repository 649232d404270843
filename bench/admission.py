"""One admission decision over many pending jobs, against the SELECT that would do without fairness."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from bench.measure import Line, Measured, latencies, side_by_side
from bench.processes import servers
from bench.status import PENDING_JOBS
from chassis.clock import SystemClock
from chassis.database import connect
from orchestrator.store import JobStore

JOBS = 10_000
TENANTS = 100
SLOTS = 3
TIMES = 30
PLAIN = "SELECT job_id FROM jobs.jobs WHERE state = 'pending' ORDER BY priority, queued_at LIMIT 3"


async def timed(action: Callable[[], Awaitable[object]]) -> Measured:
    """Return latencies of an action done again and again."""
    seconds = []
    for _ in range(TIMES):
        start = time.perf_counter()
        await action()
        seconds.append(time.perf_counter() - start)
    return latencies(seconds)


async def measure(rounds: int) -> list[Line]:
    """Return the row."""
    async with servers() as s:
        await s.pool.execute(PENDING_JOBS, JOBS, TENANTS)
        await s.pool.execute("VACUUM ANALYZE jobs.jobs")
        pool = await connect(s.database_url, name="bench")
        try:
            store = JobStore(pool, SystemClock())

            async def decide() -> None:
                async with pool.acquire() as connection, connection.transaction():
                    await store.choose(connection, SLOTS)

            async def plain() -> None:
                await pool.fetch(PLAIN)

            baselines = {"SELECT … LIMIT 3": lambda: timed(plain)}
            return await side_by_side("admission", lambda: timed(decide), baselines, rounds)
        finally:
            await pool.close()
