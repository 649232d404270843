"""What the gateway sends again, and what it does not: decided from rows alone."""

from __future__ import annotations

import asyncio
from typing import Any

from chassis.broker import connect, ensure_stream
from contracts import streams
from gateway.store import Store
from orchestrator.store import JobStore


async def sent_again(door: Any) -> int:
    """Let the time come at which a submission counts as lost, and look for those."""
    await door.pool.execute("UPDATE gateway.submissions SET sent_at = now() - interval '1 day'")
    return await Store(door.pool).resend()


async def garbled(door: Any) -> str:
    """Submit a job whose command no orchestrator can read: the gateway is of another release, or the bytes are."""
    client = await connect(door.nats_url, "test")
    js = client.jetstream()
    await ensure_stream(js, streams.COMMANDS)
    async with door.gateway():
        job_id: str = await door.submit(batch_id="b")
        async with asyncio.timeout(20):
            while await door.pool.fetchval("SELECT count(*) FROM gateway.outbox"):
                await asyncio.sleep(0.02)
    await js.purge_stream(streams.COMMANDS.name)
    await js.publish(f"blog.cmd.submit.{job_id}", b"{nonsense")
    await client.close()
    return job_id


async def test_a_submission_that_was_put_aside_fails_with_the_reason_and_is_not_sent_again(door: Any) -> None:
    job_id = await garbled(door)
    async with door.orchestrator(), asyncio.timeout(20):
        while not await door.pool.fetchval("SELECT count(*) FROM api.refused_submissions"):
            await asyncio.sleep(0.02)
    assert await sent_again(door) == 0, "before it was marked"
    async with door.gateway():
        status = await door.until(job_id, "failed")
        assert status["error_code"] == "undecodable"
        assert "refused" in status["error"]
        assert status["completed_at"]
        batch = (await door.http.get("/batches/b")).json()
        assert (batch["finished"], batch["status_counts"]["failed"]) == (True, 1)
        assert (await door.http.get(f"/jobs/{job_id}/events")).json()["events"] == []
        answer = await door.http.post(f"/jobs/{job_id}/retry")
        assert (answer.status_code, answer.json()["code"]) == (409, "submission_refused")
    assert await sent_again(door) == 0


async def test_a_gateway_that_was_away_does_not_send_again_what_ended_and_was_deleted(door: Any) -> None:
    async with door.gateway():
        job_id, other = await door.submit(), await door.submit()
        async with door.orchestrator(max_concurrent=0):
            await door.until(job_id, "pending")
            async with asyncio.timeout(20):
                while not await door.pool.fetchval(
                    "SELECT count(*) FROM jobs.jobs WHERE job_id = $1", job_id
                ):
                    await asyncio.sleep(0.02)
    await door.pool.execute("UPDATE gateway.submissions SET taken_at = NULL")  # it stopped before it looked
    await door.pool.execute(
        "UPDATE jobs.jobs SET state = 'completed', finished_at = now() - interval '8 days' WHERE job_id = $1",
        job_id,
    )
    await door.pool.execute("DELETE FROM jobs.jobs WHERE job_id = $1", other)  # lost, not deleted by its age
    assert await JobStore(door.pool).delete_finished(7) == 1
    assert await sent_again(door) == 1
    command = await door.pool.fetchval("SELECT payload FROM gateway.outbox ORDER BY id DESC LIMIT 1")
    assert other.encode() in command
    await Store(door.pool).mark_taken()
    taken = await door.pool.fetch("SELECT job_id::text FROM gateway.submissions WHERE taken_at IS NOT NULL")
    assert [row["job_id"] for row in taken] == [job_id]


async def test_it_is_forgotten_after_a_year_that_a_job_was_there(door: Any) -> None:
    await door.pool.execute(
        "INSERT INTO jobs.deleted_jobs SELECT gen_random_uuid(), now() - d * interval '1 day' FROM unnest('{371,373}'::int[]) d"
    )
    await JobStore(door.pool).delete_finished(7)
    assert await door.pool.fetchval("SELECT count(*) FROM api.deleted_jobs") == 1
