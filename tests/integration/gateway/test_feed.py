"""The events of all of a tenant's jobs: as pages, and as a stream that goes on from its own cursor."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from chassis.broker import connect
from contracts import codec, subjects
from contracts.events import StageProgress
from contracts.stages import StageId

STREAM = {"accept": "text/event-stream"}
PATIENCE = 30.0


async def events_of(door: Any, job_id: str) -> list[dict[str, Any]]:
    return list((await door.http.get(f"/jobs/{job_id}/events")).json()["events"])


async def pages(door: Any, after: str = "0", limit: int = 1000) -> tuple[list[dict[str, Any]], str]:
    """Read pages until one is empty."""
    found: list[dict[str, Any]] = []
    while True:
        page = (await door.http.get("/jobs/events", params={"after": after, "limit": limit})).json()
        if not page["events"]:
            assert page["next_after"] == after
            return found, after
        assert len(page["events"]) <= limit
        found += page["events"]
        after = page["next_after"]


async def until_feed_has(door: Any, count: int) -> list[dict[str, Any]]:
    async with asyncio.timeout(PATIENCE):
        while True:
            found, _ = await pages(door)
            if len(found) >= count:
                return found
            await asyncio.sleep(0.05)


async def cancelled_job(door: Any) -> str:
    job_id = await door.submit()
    await door.until(job_id, "running", seconds=PATIENCE)
    await door.http.post(f"/jobs/{job_id}/cancel")
    await door.until(job_id, "cancelled", seconds=PATIENCE)
    return str(job_id)


def by_job(events: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    return {
        job: [one for one in events if one["job_id"] == job and one["seq"]]
        for job in {one["job_id"] for one in events}
    }


class Reader:
    """Reads the stream of all jobs, and remembers where it was."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.last = ""
        self.comments: list[str] = []

    async def read(self, http: Any, url: str, last: str = "") -> None:
        headers = STREAM | ({"last-event-id": last} if last else {})
        async with http.stream("GET", url, headers=headers) as response:
            assert response.status_code == 200, await response.aread()
            async for line in response.aiter_lines():
                name, _, value = line.partition(": ")
                if name == "id":
                    self.last = value.strip()
                elif name == "data" and value.strip():
                    self.events.append(json.loads(value))
                elif not name:
                    self.comments.append(value)

    async def until(self, condition: Any) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition(self):
                await asyncio.sleep(0.02)


async def test_pages_hold_every_event_once_and_those_of_each_job_in_order(door: Any) -> None:
    async with door.gateway(), door.orchestrator():
        jobs = [await cancelled_job(door) for _ in range(3)]
        stories = {job: await events_of(door, job) for job in jobs}
        total = sum(map(len, stories.values()))
        await until_feed_has(door, total)
        found, after = await pages(door, limit=2)
        assert by_job(found) == stories
        assert len(found) == total
        later = await cancelled_job(door)
        await until_feed_has(door, total + len(await events_of(door, later)))
        more, _ = await pages(door, after)
    assert {one["job_id"] for one in more} == {later}


async def test_an_event_that_commits_late_is_not_passed_over(door: Any) -> None:
    async with door.gateway(), door.orchestrator():
        first, second = await cancelled_job(door), await cancelled_job(door)
        _, after = await pages(door)
        copy = (
            "INSERT INTO jobs.events (job_id, seq, type, at, body)"
            " SELECT job_id, 1000, type, at, body FROM jobs.events WHERE job_id = $1 AND seq = 1"
        )
        async with door.pool.acquire() as late:
            transaction = late.transaction()
            await transaction.start()
            await late.execute(copy, first)
            await door.pool.execute(copy, second)  # begins after, commits before
            early, after_early = await pages(door, after)
            await transaction.commit()
        await until_feed_has(door, 1)
        async with asyncio.timeout(PATIENCE):
            while len(rest := (await pages(door, after_early))[0]) + len(early) < 2:
                await asyncio.sleep(0.05)
    assert sorted(one["job_id"] for one in early + rest) == sorted([first, second])


async def test_events_of_another_tenant_are_not_shown(door: Any) -> None:
    async with door.gateway(), door.orchestrator():
        own, other = await cancelled_job(door), await cancelled_job(door)
        await until_feed_has(door, len(await events_of(door, own)) + len(await events_of(door, other)))
        await door.pool.execute("UPDATE jobs.jobs SET tenant = 'other' WHERE job_id = $1", other)
        found, _ = await pages(door)
    assert {one["job_id"] for one in found} == {own}


async def test_a_stream_without_a_cursor_begins_now_and_tells_a_cursor_at_once(door: Any) -> None:
    async with door.gateway(), door.orchestrator():
        await cancelled_job(door)
        reader = Reader()
        reading = asyncio.create_task(reader.read(door.http, "/jobs/events"))
        await reader.until(lambda r: r.last)
        first = reader.last
        job_id = await cancelled_job(door)
        await reader.until(lambda r: any(one["type"] == "cancelled" for one in r.events))
        again = Reader()
        resuming = asyncio.create_task(again.read(door.http, "/jobs/events", first))
        await again.until(lambda r: any(one["type"] == "cancelled" for one in r.events))
        story = await events_of(door, job_id)
        for task in (reading, resuming):
            task.cancel()
        await asyncio.gather(reading, resuming, return_exceptions=True)
    assert reader.events == again.events == story


async def test_a_stream_goes_on_at_another_gateway_and_after_a_restart(door: Any) -> None:
    base = f"http://127.0.0.1:{door.port}/jobs/events"
    reader = Reader()
    async with door.orchestrator():
        async with door.gateway(port=0), door.gateway():
            reading = asyncio.create_task(reader.read(door.http, f"{base}?after=0"))
            await cancelled_job(door)
            await reader.until(lambda r: any(one["type"] == "cancelled" for one in r.events))
        await asyncio.wait_for(reading, PATIENCE)  # the gateway stopped: the stream ends
        async with door.gateway():
            last = await cancelled_job(door)
            reading = asyncio.create_task(reader.read(door.http, base, reader.last))
            await reader.until(
                lambda r: any(one["type"] == "cancelled" for one in r.events if one["job_id"] == last)
            )
            stories = {job: await events_of(door, job) for job in by_job(reader.events)}
        await asyncio.wait_for(reading, PATIENCE)
    assert by_job(reader.events) == stories
    assert len(reader.events) == sum(map(len, stories.values()))


async def test_progress_of_the_tenants_jobs_comes_live_and_heartbeats_carry_the_cursor(
    door: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.waiting.POLL_SECONDS", 0.05)
    monkeypatch.setattr("gateway.waiting.HEARTBEAT_SECONDS", 0.1)
    async with door.gateway(), door.orchestrator():
        job_id = await cancelled_job(door)
        at = await door.pool.fetchval("SELECT now()")
        mine, others = (
            StageProgress(
                job_id=job_id, seq=None, at=at, tenant=tenant, stage=StageId.RESEARCH, name="research",
                round=1, attempt=1, message="search 1 of 2",
            )
            for tenant in ("default", "other")
        )  # fmt: skip
        reader = Reader()
        reading = asyncio.create_task(reader.read(door.http, "/jobs/events"))
        await reader.until(lambda r: r.last)
        first = reader.last
        client = await connect(door.nats_url, "worker")
        await client.publish(subjects.event(others), codec.encode(others))
        await client.publish(subjects.event(mine), codec.encode(mine))
        await reader.until(lambda r: r.events and len(r.comments) > 3)
        await client.close()
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    assert [one["tenant"] for one in reader.events] == ["default"]
    assert int(reader.last.split(".")[0]) >= int(first.split(".")[0])


@pytest.mark.parametrize("cursor", ["", "x", "1.2", "-1", "1e3", "9" * 40, "1.not-a-job.1", "1; DROP TABLE"])
async def test_what_is_no_cursor_is_refused_by_name(door: Any, cursor: str) -> None:
    async with door.gateway():
        answer = await door.http.get("/jobs/events", headers={"last-event-id": cursor or "y"})
        assert (answer.status_code, answer.json()["field"]) == (400, "Last-Event-ID")
        answer = await door.http.get("/jobs/events", params={"after": cursor})
        assert (answer.status_code, answer.json()["field"]) == (400, "after")
