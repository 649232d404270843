"""The clients of the HTTP API, blocking and asynchronous, against a running gateway."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from blog_writer.client import AsyncClient, Client, GatewayUnreachable, RequestRefused

REQUEST = {"primary_keyword": "energy", "company_url": "https://example.com"}
PATIENCE = 30.0


class Blocking:
    """The blocking client, each call in a thread, so that one test serves both."""

    def __init__(self, url: str) -> None:
        self._client = Client(url)

    async def __aenter__(self) -> Any:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._client.close()

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)

        async def call(*args: Any, **options: Any) -> Any:
            return await asyncio.to_thread(method, *args, **options)

        async def listed(*args: Any) -> Any:
            steps, end = iter(method(*args)), object()
            while (event := await asyncio.to_thread(next, steps, end)) is not end:
                yield event

        return listed if name.startswith("stream") else call


BOTH = pytest.mark.parametrize("kind", [Blocking, AsyncClient])


@BOTH
async def test_from_submission_to_cancellation(door: Any, kind: Any) -> None:
    async with door.gateway(), door.orchestrator(), kind(f"http://127.0.0.1:{door.port}") as client:
        first = await client.submit(REQUEST, idempotency_key="k")
        again = await client.submit(REQUEST, idempotency_key="k")
        assert again["job_id"] == first["job_id"]
        job_id = first["job_id"]
        await door.until(job_id, "running", seconds=PATIENCE)
        with pytest.raises(TimeoutError, match="has not ended"):
            await client.wait(job_id, 0.2)
        with pytest.raises(RequestRefused, match="not_completed"):
            await client.article(job_id)
        story = []
        async with asyncio.timeout(PATIENCE):
            async for event in client.stream(job_id):
                story.append(event)
                if event["type"] == "started":
                    assert (await client.cancel(job_id))["success"]
        assert (await client.wait(job_id, PATIENCE))["status"] == "cancelled"
        numbered = [event for event in story if event["seq"]]
        assert numbered == (await client.events(job_id))["events"]
        with pytest.raises(RequestRefused, match="job_not_failed"):
            await client.retry(job_id)


@BOTH
async def test_a_stream_of_a_job_that_has_told_everything_ends(door: Any, kind: Any) -> None:
    async with door.gateway(), door.orchestrator(), kind(f"http://127.0.0.1:{door.port}") as client:
        job_id = (await client.submit(REQUEST))["job_id"]
        await door.until(job_id, "running", seconds=PATIENCE)
        await client.cancel(job_id)
        await client.wait(job_id, PATIENCE)
        last = (await client.events(job_id))["next_after"]
        async with asyncio.timeout(PATIENCE):
            assert [event async for event in client.stream(job_id, last)] == []


@BOTH
async def test_a_batch_and_the_events_of_all_jobs(door: Any, kind: Any) -> None:
    async with door.gateway(), door.orchestrator(), kind(f"http://127.0.0.1:{door.port}") as client:
        batch = await client.submit_batch([REQUEST, REQUEST], batch_id="spring 1")
        assert (batch["batch_id"], batch["total"]) == ("spring 1", 2)
        assert (await client.batch("spring 1"))["total"] == 2
        seen: dict[str, str] = {}
        async with asyncio.timeout(PATIENCE):
            async for each in client.stream_all("0"):
                if each["event"]["type"] == "submitted":
                    seen[each["event"]["job_id"]] = each["cursor"]
                if len(seen) == 2:
                    break
        assert set(seen) == {job["job_id"] for job in batch["jobs"]}
        assert all(cursor.endswith(f".{job_id}.1") for job_id, cursor in seen.items())
        last = list(seen)[-1]
        async with asyncio.timeout(PATIENCE):
            async for each in client.stream_all(seen[last]):
                assert (each["event"]["job_id"], each["event"]["type"]) != (last, "submitted")
                break
        assert {job["job_id"] for job in (await client.jobs(batch_id="spring 1"))["jobs"]} == set(seen)


@BOTH
async def test_nobody_there_is_said_in_words(dead_port: int, kind: Any) -> None:
    async with kind(f"http://127.0.0.1:{dead_port}") as client:
        with pytest.raises(GatewayUnreachable, match=str(dead_port)):
            await client.submit(REQUEST)
