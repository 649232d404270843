"""What a transition costs as finished jobs pile up, and with more replicas, against few jobs and one of each service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg
import msgspec
import psutil

from bench import history
from bench.footprint import cpu_seconds
from bench.loop import OurLoop
from bench.measure import Line, Measured, compared, in_turn
from bench.processes import Servers, process, servers
from blog_writer.migrations import migrate_all
from contracts.stages import TOTAL_STAGES

FINISHED = (1_000, 10_000, 100_000)
REPLICAS = (1, 2, 4)
LIGHT, HEAVY = 200, 800
"""Jobs in a turn, all at once. Replicas share them: with few each batch is small, and its fixed cost has few to bear it."""
MOST_ROUNDS = 3
"""Turns take long here, and their differences are large."""


@asynccontextmanager
async def _running(s: Servers, replicas: int, jobs: int) -> AsyncIterator[tuple[OurLoop, list[int]]]:
    """Run so many orchestrators and as many workers; yield what submits jobs, and the pids."""
    environment = {**s.environment, "BLOG_WRITER_MAX_CONCURRENT": str(jobs)}
    async with AsyncExitStack() as stack:
        pids = [
            await stack.enter_async_context(process(s.folder, module, environment))
            for module in ("orchestrator", "bench.workers") * replicas
        ]
        loop = OurLoop(s)
        await loop.listen()
        await loop.run(1)
        yield loop, pids


def _postgres() -> int:
    """Return the pid of the embedded server, a child of this process."""
    return next(int(child.pid) for child in psutil.Process().children() if "postgres" in child.name())


async def _turn(s: Servers, replicas: int, jobs: int) -> Measured:
    async with _running(s, replicas, jobs) as (loop, pids):
        measured = [*pids, _postgres()]
        before = [cpu_seconds(pid) for pid in measured]
        seconds = await loop.run(jobs)
        used = [cpu_seconds(pid) - start for pid, start in zip(measured, before, strict=True)]
    transitions = jobs * TOTAL_STAGES
    return {
        "CPU ms/transition": sum(used) / transitions * 1000,
        "of it Postgres": used[-1] / transitions * 1000,
        "ms/transition": seconds / transitions * 1000,
    }


async def _no_vacuum(s: Servers) -> None:
    """Let no vacuum fall into the turns of one side; the tables are vacuumed when they are filled."""
    await s.pool.execute("ALTER SYSTEM SET autovacuum = off")
    await s.pool.execute("SELECT pg_reload_conf()")


async def _filled(s: Servers, jobs: int) -> Servers:
    """Return the same servers with a database that holds so many finished jobs."""
    await s.pool.execute(f"CREATE DATABASE finished_{jobs}")
    url = s.database_url.rpartition("/")[0] + f"/finished_{jobs}"
    await migrate_all(url)
    async with asyncpg.create_pool(url, min_size=0, max_size=1) as pool:
        await history.seed(pool, jobs)
    return msgspec.structs.replace(s, database_url=url)


def _lines(row: str, taken: dict[str, list[Measured]]) -> list[Line]:
    """Compare all sides with the first one."""
    first, *others = taken
    return [
        msgspec.structs.replace(one, metric=f"{one.metric}, {name}")
        for name in others
        for one in compared(row, first, taken[name], taken[first])
    ]


async def measure(rounds: int) -> list[Line]:
    """Return the row of finished jobs."""
    async with servers() as s:
        await _no_vacuum(s)
        filled = {f"{jobs:,} jobs": await _filled(s, jobs) for jobs in FINISHED}
        await s.pool.execute("CHECKPOINT")
        sides = {name: lambda side=side: _turn(side, 1, LIGHT) for name, side in filled.items()}
        return _lines("growth", await in_turn(sides, min(rounds, MOST_ROUNDS)))


async def measure_replicas(rounds: int) -> list[Line]:
    """Return the row of replicas."""
    async with servers() as s:
        await _no_vacuum(s)
        lines = []
        for jobs, replicas in ((LIGHT, REPLICAS), (HEAVY, REPLICAS[::2])):
            sides = {
                f"{count} of each, {jobs} jobs": lambda count=count, jobs=jobs: _turn(s, count, jobs)
                for count in replicas
            }
            lines += _lines("replicas", await in_turn(sides, min(rounds, MOST_ROUNDS)))
        return lines
