"""Clients of the HTTP API, blocking and asynchronous: ``docs/client.md`` shows how they are used."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any, Self
from urllib.parse import quote

import httpx

from blog_writer import wire
from blog_writer.async_client import AsyncClient
from blog_writer.errors import GatewayUnreachable, RequestRefused
from blog_writer.receiving import InvalidWebhook, verify_webhook
from blog_writer.wire import Json

__all__ = [
    "AsyncClient", "Client", "GatewayUnreachable", "InvalidWebhook", "Json", "RequestRefused", "verify_webhook",
]  # fmt: skip


class Client:
    """Calls one gateway. Every method raises GatewayUnreachable or RequestRefused."""

    def __init__(self, url: str, api_key: str | None = None) -> None:
        self.url = url.rstrip("/")
        self._http = httpx.Client(**wire.options(self.url, api_key))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def submit(self, request: wire.Request, *, idempotency_key: str | None = None) -> wire.Accepted:
        """Submit a job. With an idempotency key, submitting again gives the same job."""
        headers = wire.submit_headers(idempotency_key)
        accepted: wire.Accepted = self._json("POST", "/write-async", json=wire.body(request), headers=headers)
        return accepted

    def submit_batch(
        self,
        requests: Iterable[wire.Request],
        *,
        batch_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> wire.BatchAccepted:
        """Submit up to 100 jobs at once: all are accepted, or none."""
        accepted: wire.BatchAccepted = self._json(
            "POST",
            "/write-batch",
            json=wire.batch_body(requests, batch_id),
            headers=wire.submit_headers(idempotency_key),
        )
        return accepted

    def status(self, job_id: str) -> wire.JobStatus:
        """Return a job's status, with its result once completed."""
        status: wire.JobStatus = self._json("GET", f"/jobs/{job_id}/status")
        return status

    def batch(self, batch_id: str) -> Json:
        """Return how a batch stands."""
        status: Json = self._json("GET", f"/batches/{quote(batch_id, safe='')}")
        return status

    def jobs(self, **filters: str | int) -> wire.JobPage:
        """Return a page of jobs, newest first; filters: status, batch_id, limit, offset."""
        page: wire.JobPage = self._json("GET", "/jobs", params=filters)
        return page

    def wait(self, job_id: str, seconds: float | None = None) -> wire.JobStatus:
        """Return a job's status once it has ended. Raises TimeoutError after so many seconds."""
        began, asked = time.monotonic(), 0
        while not wire.ended(status := self.status(job_id)):
            time.sleep(wire.until_next_look(job_id, asked, time.monotonic() - began, seconds))
            asked += 1
        return status

    def cancel(self, job_id: str) -> wire.Acknowledged:
        """Cancel a job that has not ended."""
        answer: wire.Acknowledged = self._json("POST", f"/jobs/{job_id}/cancel")
        return answer

    def retry(self, job_id: str, max_cost_usd: float | None = None) -> wire.Acknowledged:
        """Go on with a failed job, perhaps with another limit of what it may cost."""
        body = wire.retry_body(max_cost_usd)
        answer: wire.Acknowledged = self._json("POST", f"/jobs/{job_id}/retry", **body)
        return answer

    def article(self, job_id: str, kind: str = "html") -> str:
        """Return a completed job's article, as ``html`` or ``markdown``."""
        with wire.problems(self.url):
            headers = {"accept": wire.ARTICLE_KINDS[kind]}
            return self._http.get(f"/jobs/{job_id}/article", headers=headers).raise_for_status().text

    def deliveries(self, job_id: str) -> list[Json]:
        """Return a job's webhooks with every attempt at them."""
        found: list[Json] = self._json("GET", f"/jobs/{job_id}/deliveries")["deliveries"]
        return found

    def replay_deliveries(self, job_id: str, seq: int | None = None) -> Json:
        """Send a job's webhooks again that were not delivered, or that of one event."""
        only = {} if seq is None else {"seq": seq}
        answer: Json = self._json("POST", f"/jobs/{job_id}/deliveries/replay", params=only)
        return answer

    def test_webhook(self, url: str) -> Json:
        """Post a signed test webhook to an address and return how it went."""
        answer: Json = self._json("POST", "/webhooks/test", json={"url": url})
        return answer

    def ready(self) -> Json:
        """Return the gateway's word on what it depends on."""
        answer: Json = self._json("GET", "/ready")
        return answer

    def download(self, url: str) -> bytes:
        """Return a stored file's bytes."""
        with wire.problems(self.url):
            return self._http.get(url).raise_for_status().content

    def events(self, job_id: str, after: int = 0, limit: int = 500) -> wire.EventPage:
        """Return a page of a job's history, of the events with a higher seq than ``after``."""
        page: wire.EventPage = self._json(
            "GET", f"/jobs/{job_id}/events", params={"after": after, "limit": limit}
        )
        return page

    def stream(self, job_id: str, after: int = 0) -> Iterator[Json]:
        """Yield a job's events as they happen until it ends, reconnecting where the stream breaks."""
        lines = wire.EventLines(str(after))
        for event in self._following(f"/jobs/{job_id}/events", lines, job_id):
            yield event
            if wire.ends(event):
                return

    def stream_all(self, cursor: str = "") -> Iterator[wire.FeedEvent]:
        """Yield the events of all jobs as they happen, for ever: after a cursor, or from now on; ``0`` for all kept."""
        lines = wire.EventLines(cursor)
        for event in self._following("/jobs/events", lines, None):
            yield wire.FeedEvent(cursor=lines.last, event=event)

    def _following(self, path: str, lines: wire.EventLines, job_id: str | None) -> Iterator[Json]:
        failures = 0
        while True:
            came = False
            try:
                for event in self._events(path, lines):
                    came, failures = True, 0
                    yield event
                if job_id and not came and wire.ended(self.status(job_id)):
                    return
            except GatewayUnreachable:
                if failures >= wire.RECONNECTS:
                    raise
            failures += 1
            time.sleep(wire.pause(failures))

    def _events(self, path: str, lines: wire.EventLines) -> Iterator[Json]:
        lines.begin()
        headers = wire.stream_headers(lines.last)
        with wire.problems(self.url), self._http.stream("GET", path, headers=headers) as response:
            if response.is_error:
                response.read()
                response.raise_for_status()
            for line in response.iter_lines():
                event = lines.take(line)
                if event is not None:
                    yield event

    def _json(self, method: str, path: str, **options: Any) -> Any:
        with wire.problems(self.url):
            return self._http.request(method, path, **options).raise_for_status().json()
