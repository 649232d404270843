"""A notifier that is told to stop: what is on the way ends or is handed back, and nothing new begins."""

from __future__ import annotations

import asyncio
import time


async def test_an_attempt_on_the_way_ends_and_is_written_down_and_no_other_begins(
    notifying, jobs, sink, until
) -> None:
    sink.answers = ["hang"]
    async with notifying(webhook_timeout_seconds=0.8, webhook_retry_seconds=(0.0, 600.0)):
        event = await jobs.end(sink.url)
        await until(lambda: len(sink.received) == 1)
    assert await jobs.reasons(event) == ["timeout"]
    other = await jobs.end(sink.url)
    await asyncio.sleep(0.5)
    assert (len(sink.received), await jobs.deliveries(other)) == (1, [])


async def test_an_attempt_that_does_not_end_is_cut_off_and_handed_to_another_at_once(
    notifying, jobs, sink, until, monkeypatch
) -> None:
    monkeypatch.setattr("notifier.sender.LAST_SECONDS", 0.2)
    sink.answers = ["hang"]
    async with notifying(webhook_timeout_seconds=30):
        event = await jobs.end(sink.url)
        await until(lambda: len(sink.received) == 1)
        asked = time.monotonic()
    assert time.monotonic() - asked < 5
    started = time.monotonic()
    async with notifying():
        await until(lambda: jobs.has(event, "delivered"))
    assert time.monotonic() - started < 8
    assert await jobs.reasons(event) == ["delivered"]
    assert len(set(sink.ids)) == 1
