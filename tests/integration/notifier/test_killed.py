"""Killed again and again in the middle of a thousand webhooks, a notifier loses none and repeats few."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import uuid
from collections import Counter

import pytest

from notifier.sender import PER_HOST

WEBHOOKS, ENDPOINTS, KILLS = 1000, 20, 4
BETWEEN_KILLS = 200


@pytest.mark.timeout(300)
async def test_kills_lose_nothing_and_repeat_only_what_was_on_its_way(settings, jobs, sink, until) -> None:
    await _due(jobs, sink.url)
    for number in range(KILLS):
        process = await _start(settings)
        wanted = BETWEEN_KILLS * (number + 1)
        await until(lambda wanted=wanted: len(sink.received) >= wanted, 60)
        process.send_signal(signal.SIGKILL)
        await process.wait()
    process = await _start(settings)
    try:
        await until(lambda: _all_delivered(jobs), 60)
    finally:
        process.send_signal(signal.SIGTERM)
        await process.wait()
    times = Counter(sink.ids)
    print(f"{WEBHOOKS} webhooks, {KILLS} kills, {times.total() - len(times)} repeated")  # noqa: T201  the figure
    assert len(times) == WEBHOOKS
    assert times.total() - len(times) <= KILLS * PER_HOST
    assert len({(headers["webhook-id"], body) for headers, body in sink.received}) == WEBHOOKS


async def _due(jobs, url: str) -> None:
    rows = [
        (uuid.uuid4(), f"{url}?{number % ENDPOINTS}", b'{"n": %d}' % number) for number in range(WEBHOOKS)
    ]
    await jobs.connection.executemany(
        """INSERT INTO notifier.deliveries (job_id, tenant, seq, event, url, host, body, next_attempt_at)
        VALUES ($1, 'default', 5, 'completed', $2, 'h', $3, now())""",
        rows,
    )


async def _all_delivered(jobs) -> bool:
    left: int = await jobs.connection.fetchval(
        "SELECT count(*) FROM notifier.deliveries WHERE status <> 'delivered'"
    )
    return left == 0


async def _start(settings) -> asyncio.subprocess.Process:
    environment = {
        **os.environ,
        "DATABASE_URL": settings.database_url,
        "NATS_URL": settings.nats_url,
        "BLOG_WRITER_WEBHOOK_SECRET": settings.webhook_secret[0],
        "BLOG_WRITER_WEBHOOK_TIMEOUT_SECONDS": "1",
        "BLOG_WRITER_ALLOW_PRIVATE_NETWORKS": "127.0.0.0/8",
        "BLOG_WRITER_LOG_LEVEL": "error",
    }
    return await asyncio.create_subprocess_exec(sys.executable, "-m", "notifier", env=environment)
