"""Slots, priorities and lost brokers, with several orchestrators at once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from chassis.broker import ensure_stream
from contracts import streams
from contracts.stages import StageId


async def most_running(bench: Any) -> int:
    """Return the highest number of jobs that ran at once, from the story that events tell."""
    rows = await bench.pool.fetch(
        "SELECT type FROM jobs.events WHERE type IN ('started', 'completed', 'failed', 'cancelled')"
        " ORDER BY at, type = 'started'"
    )
    running = most = 0
    for row in rows:
        running += 1 if row["type"] == "started" else -1
        most = max(most, running)
    return most


@pytest.mark.timeout(180)
async def test_two_hundred_jobs_never_hold_more_slots_than_there_are(bench: Any) -> None:
    async with bench.orchestrator(max_concurrent=3), bench.orchestrator(max_concurrent=3), bench.workers():
        jobs = await asyncio.gather(*(bench.submit(tenant=f"t{number % 3}") for number in range(200)))
        async with asyncio.timeout(150):
            while await bench.pool.fetchval("SELECT count(*) FROM jobs.jobs WHERE state = 'completed'") < 200:
                await asyncio.sleep(0.2)
    assert len(set(jobs)) == 200
    assert await most_running(bench) == 3


async def test_high_priority_goes_first_and_tenants_share(bench: Any) -> None:
    async with bench.orchestrator(max_concurrent=1):
        blocker = await bench.submit()
        await bench.until(blocker, "running")
        low = await bench.submit(priority=3)
        normal = [await bench.submit(tenant="many", priority=2) for _ in range(3)]
        other = await bench.submit(tenant="few", priority=2)
        high = await bench.submit(priority=1)
        async with asyncio.timeout(10):
            while await bench.pool.fetchval("SELECT count(*) FROM jobs.jobs") < 7:
                await asyncio.sleep(0.02)
        async with bench.workers():
            for job_id in (blocker, high, *normal, other, low):
                await bench.until(job_id, "completed")
    rows = await bench.pool.fetch("SELECT job_id::text FROM jobs.events WHERE type = 'started' ORDER BY at")
    order = [row["job_id"] for row in rows]
    assert order[:2] == [blocker, high]
    assert order[-1] == low
    assert set(order[2:6]) == {*normal, other}


async def test_a_lost_broker_store_loses_no_job(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.orphans.GRACE_SECONDS", 1.0)
    async with bench.orchestrator():
        job_id = await bench.submit()
        await bench.until(job_id, "running")
        await bench.until_empty("SELECT count(*) FROM jobs.outbox")
    for stream in streams.ALL:
        await bench.js.delete_stream(stream.name)
    for stream in streams.ALL:
        await ensure_stream(bench.js, stream)
    await bench.pool.execute("UPDATE jobs.stage_runs SET started_at = started_at - interval '1 minute'")
    async with bench.orchestrator(), bench.workers():
        await bench.until(job_id, "completed")
    companies = [command for command in bench.commands if command.stage is StageId.COMPANY]
    assert [command.attempt for command in companies] == [1]


async def test_streams_deleted_under_load_are_made_again(
    bench: Any, outcome: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.orphans.GRACE_SECONDS", 0.5)
    hold = asyncio.Event()

    async def script(command: Any) -> Any:
        if command.stage is StageId.RESEARCH and not hold.is_set():
            return None
        return outcome(command)

    async with bench.orchestrator(), bench.workers(script):
        job_id = await bench.submit()
        async with asyncio.timeout(10):
            while (await bench.job(job_id)).get("current_stage") != "stage_02":
                await asyncio.sleep(0.02)
        hold.set()
        for name in ("BLOG_STAGES", "BLOG_RESULTS", "BLOG_COMMANDS"):
            await bench.js.delete_stream(name)
        await bench.until(job_id, "completed", seconds=60)
