"""What a later release's gateway wrote, met by this one's while both run during a deploy."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from chassis import database
from contracts import codec
from contracts.commands import RetryJob
from contracts.ids import new_job_id
from gateway.store import LOST_AFTER_SECONDS, Store

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)


async def test_a_command_of_a_kind_that_is_not_known_is_left_to_the_gateway_that_is(door: Any) -> None:
    own = codec.encode(RetryJob(job_id=new_job_id(), tenant="default", requested_at=NOW))
    later = own.replace(b'"retry"', b'"retry_later"')
    for number, command in (("own", own), ("later", later)):
        await door.pool.execute(
            "INSERT INTO gateway.commands (message_id, job_id, run, wants_end, command, sent_at)"
            " VALUES ($1, $2, 1, false, $3, now() - make_interval(secs => $4))",
            number, new_job_id(), command, LOST_AFTER_SECONDS * 20,
        )  # fmt: skip
    pool = await database.connect(door.database_url, name="store")
    try:
        assert await Store(pool).resend() == 1
        assert await pool.fetchval("SELECT array_agg(msg_id) FROM gateway.outbox") == ["own/2"]
    finally:
        await database.close(pool)
