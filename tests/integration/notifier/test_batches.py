"""Events are noted together, and one that cannot be noted holds up none of those it came with."""

from __future__ import annotations

import msgspec

from contracts import codec
from contracts.dead_letters import DeadLetter

UNSTORABLE = 2**31
"""A ``seq`` beyond what the column holds."""


async def test_ends_that_are_there_together_are_noted_together(notifying, jobs, sink, until) -> None:
    events = [await jobs.end(sink.url) for _ in range(120)]
    async with notifying():
        await until(lambda: _all_noted(jobs, len(events)), 60)
    commits = await jobs.connection.fetchval("SELECT count(DISTINCT created_at) FROM notifier.deliveries")
    assert commits < len(events) / 2


async def _all_noted(jobs, count: int) -> bool:
    noted: int = await jobs.connection.fetchval("SELECT count(*) FROM notifier.deliveries")
    return noted == count


async def test_an_event_that_cannot_be_stored_is_put_aside_and_the_others_are_told(
    notifying, jobs, sink, until
) -> None:
    before = [await jobs.end(sink.url) for _ in range(3)]
    broken = msgspec.structs.replace(await jobs.end(sink.url, tell=False), seq=UNSTORABLE)
    await jobs.publish(broken)
    after = [await jobs.end(sink.url) for _ in range(3)]
    async with notifying():
        for event in (*before, *after):
            await until(lambda event=event: jobs.has(event, "delivered"), 30)
        await until(lambda: _all_acked(jobs), 30)
    letter = codec.decode((await jobs.js.get_msg("BLOG_DEAD_LETTERS", seq=1)).data, DeadLetter)
    assert (letter.code, letter.payload) == ("undecodable", codec.encode(broken))
    assert sorted(sink.ids) == sorted(f"msg_{event.job_id}_5" for event in (*before, *after))


async def _all_acked(jobs) -> bool:
    info = await jobs.js.consumer_info("BLOG_EVENTS", "notifier")
    return info.num_pending == 0 and info.num_ack_pending == 0
