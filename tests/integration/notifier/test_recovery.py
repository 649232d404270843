"""No webhook is lost when NATS forgets, a process is killed, or a claim runs out."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from contracts.streams import EVENTS


async def test_the_sweep_finds_what_nats_never_brought(notifying, jobs, sink, until) -> None:
    lost = [await jobs.end(sink.url, state, tell=False) for state in ("completed", "failed")]
    unasked = await jobs.end(None, tell=False)
    await jobs.connection.execute("UPDATE jobs.events SET at = at - interval '1 minute'")
    async with notifying():
        for event in lost:
            await until(lambda event=event: jobs.has(event, "delivered"))
    assert sorted(sink.ids) == sorted(f"msg_{event.job_id}_5" for event in lost)
    assert await jobs.deliveries(unasked) == []


async def test_an_end_that_a_retry_followed_is_told_all_the_same(notifying, jobs, sink, until) -> None:
    failed = await jobs.end(sink.url, "failed", tell=False)
    await jobs.connection.execute("UPDATE jobs.jobs SET state = 'running', finished_at = NULL, seq = seq + 3")
    await jobs.connection.execute("UPDATE jobs.events SET at = at - interval '1 minute'")
    async with notifying():
        await until(lambda: jobs.has(failed, "delivered"))


async def test_the_sweep_leaves_old_jobs_and_told_jobs_alone(notifying, jobs, sink, until) -> None:
    old = await jobs.end(sink.url, tell=False)
    await jobs.connection.execute("UPDATE jobs.events SET at = at - interval '8 days'")
    async with notifying(webhook_sweep_seconds=0.1):
        told = await jobs.end(sink.url)
        await until(lambda: jobs.has(told, "delivered"))
        await jobs.connection.execute(
            "UPDATE jobs.events SET at = at - interval '1 minute' WHERE job_id::text <> $1",
            old.job_id,
        )
        lost = await jobs.end(sink.url, tell=False)
        await jobs.connection.execute(
            "UPDATE jobs.events SET at = at - interval '1 minute' WHERE job_id::text = $1",
            lost.job_id,
        )
        await until(lambda: jobs.has(lost, "delivered"))
    assert await jobs.deliveries(old) == []
    assert len(sink.received) == 2


async def test_a_lost_stream_is_made_again_and_brings_events_again(notifying, jobs, sink, until) -> None:
    async with notifying(webhook_sweep_seconds=0.2):
        await jobs.js.delete_stream(EVENTS.name)
        await until(lambda: _has_consumer(jobs))
        event = await jobs.end(sink.url)
        await until(lambda: jobs.has(event, "delivered"), seconds=4)  # the sweep would come after 5


async def _has_consumer(jobs) -> bool:
    return any(
        EVENTS.name == stream.config.name and stream.state.consumer_count
        for stream in await jobs.js.streams_info()
    )


async def test_killed_between_post_and_record_the_same_webhook_comes_again(
    settings, jobs, sink, until
) -> None:
    sink.answers = ["hang"]
    event = await jobs.end(sink.url)
    first = await _start(settings)
    await until(lambda: len(sink.received) == 1)
    first.send_signal(signal.SIGKILL)
    await first.wait()
    assert await jobs.reasons(event) == []
    second = await _start(settings)
    try:
        await until(lambda: jobs.has(event, "delivered"))
    finally:
        second.send_signal(signal.SIGTERM)
        assert await second.wait() == 0
    assert len(sink.received) == 2
    assert len(set(sink.ids)) == 1
    assert sink.received[0][1] == sink.received[1][1]
    assert await jobs.reasons(event) == ["delivered"]


async def _start(settings) -> asyncio.subprocess.Process:
    environment = {
        **os.environ,
        "DATABASE_URL": settings.database_url,
        "NATS_URL": settings.nats_url,
        "BLOG_WRITER_WEBHOOK_SECRET": settings.webhook_secret[0],
        "BLOG_WRITER_WEBHOOK_TIMEOUT_SECONDS": "0.8",
        "BLOG_WRITER_ALLOW_PRIVATE_NETWORKS": "127.0.0.0/8",
    }
    return await asyncio.create_subprocess_exec(sys.executable, "-m", "notifier", env=environment)


async def test_an_attempt_whose_claim_was_lost_writes_nothing(notifying, jobs, sink, until) -> None:
    sink.answers = ["hang"]
    async with notifying(webhook_timeout_seconds=0.5):
        event = await jobs.end(sink.url)
        await until(lambda: len(sink.received) == 1)
        await jobs.connection.execute(
            "UPDATE notifier.deliveries SET claimed_until = now() - interval '1 second'"
        )
        await until(lambda: jobs.has(event, "delivered"))
    assert await jobs.reasons(event) == ["delivered"]
    assert len(sink.received) == 2


async def test_two_notifiers_share_the_work_without_sending_twice(notifying, jobs, sink, until) -> None:
    async with notifying(), notifying():
        events = [await jobs.end(sink.url) for _ in range(40)]
        for event in events:
            await until(lambda event=event: jobs.has(event, "delivered"))
    assert sorted(sink.ids) == sorted(f"msg_{event.job_id}_5" for event in events)


async def test_ended_deliveries_are_forgotten_after_their_jobs(notifying, jobs, sink, until) -> None:
    async with notifying():
        event = await jobs.end(sink.url)
        await until(lambda: jobs.has(event, "delivered"))
    await jobs.connection.execute("UPDATE notifier.deliveries SET created_at = now() - interval '9 days'")
    await jobs.connection.execute("UPDATE jobs.jobs SET finished_at = now() - interval '9 days'")
    async with notifying():
        await until(lambda: jobs.has(event, None))
    assert await jobs.connection.fetchval("SELECT count(*) FROM notifier.attempts") == 0
