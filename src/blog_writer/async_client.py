"""The asynchronous client: the blocking one, awaited."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from typing import Any, Self
from urllib.parse import quote

import httpx

from blog_writer import wire
from blog_writer.errors import GatewayUnreachable
from blog_writer.wire import Json


class AsyncClient:
    """Calls one gateway. Every method raises GatewayUnreachable or RequestRefused."""

    def __init__(self, url: str, api_key: str | None = None) -> None:
        self.url = url.rstrip("/")
        self._http = httpx.AsyncClient(**wire.options(self.url, api_key))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def submit(self, request: wire.Request, *, idempotency_key: str | None = None) -> wire.Accepted:
        """Submit a job. With an idempotency key, submitting again gives the same job."""
        headers = wire.submit_headers(idempotency_key)
        accepted: wire.Accepted = await self._json(
            "POST", "/write-async", json=wire.body(request), headers=headers
        )
        return accepted

    async def submit_batch(
        self,
        requests: Iterable[wire.Request],
        *,
        batch_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> wire.BatchAccepted:
        """Submit up to 100 jobs at once: all are accepted, or none."""
        accepted: wire.BatchAccepted = await self._json(
            "POST",
            "/write-batch",
            json=wire.batch_body(requests, batch_id),
            headers=wire.submit_headers(idempotency_key),
        )
        return accepted

    async def status(self, job_id: str) -> wire.JobStatus:
        """Return a job's status, with its result once completed."""
        status: wire.JobStatus = await self._json("GET", f"/jobs/{job_id}/status")
        return status

    async def batch(self, batch_id: str) -> Json:
        """Return how a batch stands."""
        status: Json = await self._json("GET", f"/batches/{quote(batch_id, safe='')}")
        return status

    async def jobs(self, **filters: str | int) -> wire.JobPage:
        """Return a page of jobs, newest first; filters: status, batch_id, limit, offset."""
        page: wire.JobPage = await self._json("GET", "/jobs", params=filters)
        return page

    async def wait(self, job_id: str, seconds: float | None = None) -> wire.JobStatus:
        """Return a job's status once it has ended. Raises TimeoutError after so many seconds."""
        began, asked = time.monotonic(), 0
        while not wire.ended(status := await self.status(job_id)):
            await asyncio.sleep(wire.until_next_look(job_id, asked, time.monotonic() - began, seconds))
            asked += 1
        return status

    async def cancel(self, job_id: str) -> wire.Acknowledged:
        """Cancel a job that has not ended."""
        answer: wire.Acknowledged = await self._json("POST", f"/jobs/{job_id}/cancel")
        return answer

    async def retry(self, job_id: str, max_cost_usd: float | None = None) -> wire.Acknowledged:
        """Go on with a failed job, perhaps with another limit of what it may cost."""
        body = wire.retry_body(max_cost_usd)
        answer: wire.Acknowledged = await self._json("POST", f"/jobs/{job_id}/retry", **body)
        return answer

    async def deliveries(self, job_id: str) -> list[Json]:
        """Return a job's webhooks with every attempt at them."""
        found: list[Json] = (await self._json("GET", f"/jobs/{job_id}/deliveries"))["deliveries"]
        return found

    async def replay_deliveries(self, job_id: str, seq: int | None = None) -> Json:
        """Send a job's webhooks again that were not delivered, or that of one event."""
        only = {} if seq is None else {"seq": seq}
        answer: Json = await self._json("POST", f"/jobs/{job_id}/deliveries/replay", params=only)
        return answer

    async def test_webhook(self, url: str) -> Json:
        """Post a signed test webhook to an address and return how it went."""
        answer: Json = await self._json("POST", "/webhooks/test", json={"url": url})
        return answer

    async def article(self, job_id: str, kind: str = "html") -> str:
        """Return a completed job's article, as ``html`` or ``markdown``."""
        with wire.problems(self.url):
            headers = {"accept": wire.ARTICLE_KINDS[kind]}
            answer = await self._http.get(f"/jobs/{job_id}/article", headers=headers)
            return answer.raise_for_status().text

    async def ready(self) -> Json:
        """Return the gateway's word on what it depends on."""
        answer: Json = await self._json("GET", "/ready")
        return answer

    async def download(self, url: str) -> bytes:
        """Return a stored file's bytes."""
        with wire.problems(self.url):
            return (await self._http.get(url)).raise_for_status().content

    async def events(self, job_id: str, after: int = 0, limit: int = 500) -> wire.EventPage:
        """Return a page of a job's history, of the events with a higher seq than ``after``."""
        page: wire.EventPage = await self._json(
            "GET", f"/jobs/{job_id}/events", params={"after": after, "limit": limit}
        )
        return page

    async def stream(self, job_id: str, after: int = 0) -> AsyncIterator[Json]:
        """Yield a job's events as they happen until it ends, reconnecting where the stream breaks."""
        lines = wire.EventLines(str(after))
        async for event in self._following(f"/jobs/{job_id}/events", lines, job_id):
            yield event
            if wire.ends(event):
                return

    async def stream_all(self, cursor: str = "") -> AsyncIterator[wire.FeedEvent]:
        """Yield the events of all jobs as they happen, for ever: after a cursor, or from now on; ``0`` for all kept."""
        lines = wire.EventLines(cursor)
        async for event in self._following("/jobs/events", lines, None):
            yield wire.FeedEvent(cursor=lines.last, event=event)

    async def _following(self, path: str, lines: wire.EventLines, job_id: str | None) -> AsyncIterator[Json]:
        failures = 0
        while True:
            came = False
            try:
                async for event in self._events(path, lines):
                    came, failures = True, 0
                    yield event
                if job_id and not came and wire.ended(await self.status(job_id)):
                    return
            except GatewayUnreachable:
                if failures >= wire.RECONNECTS:
                    raise
            failures += 1
            await asyncio.sleep(wire.pause(failures))

    async def _events(self, path: str, lines: wire.EventLines) -> AsyncIterator[Json]:
        lines.begin()
        headers = wire.stream_headers(lines.last)
        with wire.problems(self.url):
            async with self._http.stream("GET", path, headers=headers) as response:
                if response.is_error:
                    await response.aread()
                    response.raise_for_status()
                async for line in response.aiter_lines():
                    event = lines.take(line)
                    if event is not None:
                        yield event

    async def _json(self, method: str, path: str, **options: Any) -> Any:
        with wire.problems(self.url):
            return (await self._http.request(method, path, **options)).raise_for_status().json()
