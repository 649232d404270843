"""An orchestrator that is told to stop: what it has begun is committed or handed back at once."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from contracts.streams import ACK_WAIT_SECONDS


async def test_what_it_could_not_commit_goes_to_another_at_once_and_it_ends_in_time(bench: Any) -> None:
    async with bench.orchestrator():
        job_id = await bench.submit()
        await bench.until(job_id, "running")
    async with bench.pool.acquire() as holding:
        locked = holding.transaction()
        await locked.start()
        await holding.execute("SELECT FROM jobs.jobs WHERE job_id = $1 FOR UPDATE", job_id)
        async with bench.orchestrator():
            await bench.cancel(job_id)
            await until_waiting(bench)
            asked = time.monotonic()
        assert time.monotonic() - asked < 8
        await locked.rollback()
    started = time.monotonic()
    async with bench.orchestrator():
        await bench.until(job_id, "cancelled")
    assert time.monotonic() - started < ACK_WAIT_SECONDS / 2, "the command had to be given up for lost first"


async def test_nothing_is_taken_by_one_that_has_stopped(bench: Any) -> None:
    async with bench.orchestrator():
        await bench.until(await bench.submit(), "running")
        await until_acked(bench)
    await bench.submit()
    await asyncio.sleep(0.5)
    assert await bench.pool.fetchval("SELECT count(*) FROM jobs.jobs") == 1
    info = await bench.js.consumer_info("BLOG_COMMANDS", "orchestrator")
    assert (info.num_pending, info.num_ack_pending, info.num_waiting) == (1, 0, 0)


async def until_acked(bench: Any) -> None:
    """Wait until the orchestrator owes the server no ack: one that it did not get to send brings a second copy."""
    async with asyncio.timeout(30):
        while (await bench.js.consumer_info("BLOG_COMMANDS", "orchestrator")).num_ack_pending:
            await asyncio.sleep(0.02)


async def until_waiting(bench: Any) -> None:
    """Wait until an orchestrator waits for a lock."""
    async with asyncio.timeout(10):
        while not await bench.pool.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'orchestrator'"
            " AND wait_event_type = 'Lock' AND datname = current_database()"
        ):
            await asyncio.sleep(0.02)
