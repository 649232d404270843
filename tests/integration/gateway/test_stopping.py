"""A gateway that is told to stop: who has asked is answered, and nobody else is let in."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import httpx
import pytest

BODY = {"primary_keyword": "heat", "company_url": "http://127.0.0.1:1"}


async def test_a_submission_on_the_way_is_accepted_and_a_later_one_refused(
    door: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.service.COMMAND_SECONDS", 20)
    monkeypatch.setattr("gateway.store.COMMAND_SECONDS", 20)
    async with door.pool.acquire() as holding:
        locked = holding.transaction()
        async with door.gateway():
            await locked.start()
            await holding.execute("LOCK TABLE gateway.submissions")
            headers = {"Idempotency-Key": str(uuid.uuid4())}
            asking = asyncio.create_task(door.http.post("/write-async", json=BODY, headers=headers))
            await until_waiting(door)
            releasing = asyncio.create_task(release_later(door, locked))
        await releasing
    answer = await asking
    assert answer.status_code == 202
    assert await door.pool.fetchval(
        "SELECT count(*) FROM gateway.submissions WHERE job_id = $1", answer.json()["job_id"]
    )
    with pytest.raises(httpx.ConnectError):
        await door.http.post("/write-async", json=BODY)


async def release_later(door: Any, transaction: Any) -> None:
    """Let go of the table when the gateway has begun to stop: it lets nobody in any more."""
    async with asyncio.timeout(10):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", door.port)
            except (ConnectionRefusedError, ConnectionResetError):
                break
            writer.close()
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)
            await asyncio.sleep(0.02)
    await transaction.rollback()


async def until_waiting(door: Any) -> None:
    """Wait until the gateway waits for a lock."""
    async with asyncio.timeout(10):
        while not await door.pool.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'gateway'"
            " AND wait_event_type = 'Lock' AND datname = current_database()"
        ):
            await asyncio.sleep(0.02)
