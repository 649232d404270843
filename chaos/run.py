"""One run: start the system, hurt it under load, let it come to rest, and judge."""

from __future__ import annotations

import asyncio
import contextlib
import random
from pathlib import Path
from typing import Any

import asyncpg
import msgspec

from chaos import evidence as gathering
from chaos.checker import check
from chaos.evidence import Evidence
from chaos.nemesis import Nemesis
from chaos.plan import faults
from chaos.records import Readiness, now
from chaos.report import Run, markdown
from chaos.system import CAP, System, system
from chaos.traffic import Client, Outside
from chassis.broker import connect

JOBS_PER_SECOND = 2.0
BACKLOG = 30
"""Unfinished jobs from which on the client holds back, so that the rest after the faults has a bound."""
WARM_UP_SECONDS = 2.0
QUIESCE_SECONDS = 90.0
OBSERVE_SECONDS = 0.3


class Verdict(msgspec.Struct, frozen=True):
    """The outcome of a run."""

    broken: dict[str, list[str]]
    report: str
    evidence: Evidence


async def run(folder: Path, seed: int, minutes: float) -> Verdict:
    """Hurt a system in ``folder`` for so long, and judge what it did."""
    async with system(folder) as whole:
        outside = Outside(whole.callbacks, whole.baits)
        client = Client(whole.gateway_url, outside, whole.journal, random.Random(f"client {seed}"))
        await _hurt(whole, client, seed, minutes * 60)
        faults_ended = now()
        seconds, facts = await _rest(whole, client)
        found = Evidence(cap=CAP, faults_ended=faults_ended, **facts)
    found = msgspec.structs.replace(found, **gathering.written(folder))
    gathering.save(folder, found)
    broken = check(found)
    how = Run(seed=seed, minutes=minutes, quiesce_seconds=seconds)
    return Verdict(broken, markdown(how, found, broken), found)


async def _hurt(whole: System, client: Client, seed: int, seconds: float) -> None:
    """Run the load and the faults beside each other; the observer looks on."""
    observer = asyncio.create_task(_observe(whole))
    works = (client.submit_steadily(JOBS_PER_SECOND), client.retry_failed(), _hold_back(whole, client))
    load = [asyncio.create_task(work) for work in works]
    try:
        await asyncio.sleep(WARM_UP_SECONDS)
        await Nemesis(whole, faults(seed)).run(seconds)
        await asyncio.sleep(WARM_UP_SECONDS)  # what comes after the last fault shows its recovery
        await whole.until_ready()
        await asyncio.sleep(WARM_UP_SECONDS)
    finally:
        for task in (observer, *load):
            task.cancel()
        await asyncio.gather(observer, *load, return_exceptions=True)


async def _observe(whole: System) -> None:
    """Write down which processes are ready, until cancelled."""
    while True:
        unready = await whole.unready()
        whole.journal.write(Readiness(at=now(), unready=unready))
        await asyncio.sleep(OBSERVE_SECONDS)


async def _hold_back(whole: System, client: Client) -> None:
    """Let the client submit only while not too much is unfinished; until cancelled."""
    while True:
        with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
            connection = await asyncpg.connect(whole.postgres.url, timeout=2, command_timeout=2)
            try:
                client.holding = await gathering.unfinished(connection) > BACKLOG
            finally:
                connection.terminate()
        await asyncio.sleep(1)


async def _rest(whole: System, client: Client) -> tuple[float, dict[str, Any]]:
    """Wait until nothing is left to do; return how long it took, and what the system then holds."""
    unanswered = await client.finish(QUIESCE_SECONDS / 3)
    nats = await connect(whole.nats.url, "checker")
    try:
        async with asyncpg.create_pool(whole.postgres.url, min_size=0, max_size=2) as pool:
            left, seconds = await gathering.quiet(pool, nats.jetstream(), QUIESCE_SECONDS)
            for process in whole.processes.values():
                whole.journal.write(process.sample())
            return seconds, {"leftovers": left, "unanswered": unanswered, **await gathering.rows(pool)}
    finally:
        await nats.close()
