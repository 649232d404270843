"""A small client of the HTTP API, for the command line."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from blog_writer.errors import GatewayUnreachable, RequestRefused

Json = dict[str, Any]


class Client:
    """Calls one gateway. Every method raises GatewayUnreachable or RequestRefused."""

    def __init__(self, url: str, api_key: str | None = None) -> None:
        self.url = url.rstrip("/")
        auth = _key_for(httpx.URL(self.url), api_key) if api_key else None
        self._http = httpx.Client(base_url=self.url, timeout=30, trust_env=False, auth=auth)

    def close(self) -> None:
        self._http.close()

    def submit(self, request: Json) -> Json:
        """Submit a job and return the gateway's answer, with ``job_id``."""
        return self._json("POST", "/write-async", json=request)

    def status(self, job_id: str) -> Json:
        """Return a job's status, with its result once completed."""
        return self._json("GET", f"/jobs/{job_id}/status")

    def jobs(self, **filters: str | int) -> Json:
        """Return a page of jobs, newest first; filters: status, batch_id, limit, offset."""
        return self._json("GET", "/jobs", params=filters)

    def cancel(self, job_id: str) -> Json:
        """Cancel a job that has not ended."""
        return self._json("POST", f"/jobs/{job_id}/cancel")

    def retry(self, job_id: str, max_cost_usd: float | None = None) -> Json:
        """Go on with a failed job, perhaps with another limit of what it may cost."""
        body = {} if max_cost_usd is None else {"json": {"max_cost_usd": max_cost_usd}}
        return self._json("POST", f"/jobs/{job_id}/retry", **body)

    def deliveries(self, job_id: str) -> list[Json]:
        """Return a job's webhooks with every attempt at them."""
        found: list[Json] = self._json("GET", f"/jobs/{job_id}/deliveries")["deliveries"]
        return found

    def replay_deliveries(self, job_id: str, seq: int | None = None) -> Json:
        """Send a job's webhooks again that were not delivered, or that of one event."""
        only = {} if seq is None else {"seq": seq}
        return self._json("POST", f"/jobs/{job_id}/deliveries/replay", params=only)

    def test_webhook(self, url: str) -> Json:
        """Post a signed test webhook to an address and return how it went."""
        return self._json("POST", "/webhooks/test", json={"url": url})

    def ready(self) -> Json:
        """Return the gateway's word on what it depends on."""
        return self._json("GET", "/ready")

    def download(self, url: str) -> bytes:
        """Return a stored file's bytes."""
        with self._problems():
            return self._http.get(url).raise_for_status().content

    def events(self, job_id: str, after: int = 0) -> Iterator[Json]:
        """Yield a job's events as they happen until it ends, reconnecting where the stream breaks."""
        ended = False
        failures = 0
        while not ended:
            try:
                for event in self._stream(job_id, after):
                    failures = 0
                    after = event.get("seq") or after
                    ended = event["type"] in {"completed", "failed", "cancelled"}
                    yield event
            except GatewayUnreachable:
                failures += 1
                if failures > _RECONNECTS:
                    raise
                time.sleep(min(0.1 * 2**failures, _LONGEST_WAIT))

    def _stream(self, job_id: str, after: int) -> Iterator[Json]:
        headers = {"accept": "text/event-stream", "last-event-id": str(after)}
        with (
            self._problems(),
            self._http.stream("GET", f"/jobs/{job_id}/events", headers=headers) as response,
        ):
            if response.is_error:
                response.read()
                response.raise_for_status()
            for line in response.iter_lines():
                if line.startswith("data:") and line[5:].strip():
                    yield json.loads(line[5:])

    def _json(self, method: str, path: str, **options: Any) -> Json:
        with self._problems():
            answer: Json = self._http.request(method, path, **options).raise_for_status().json()
            return answer

    @contextmanager
    def _problems(self) -> Iterator[None]:
        try:
            yield
        except httpx.HTTPStatusError as error:
            raise _refusal(error.response) from error
        except httpx.TransportError as error:
            raise GatewayUnreachable(self.url, str(error) or type(error).__name__) from error


_RECONNECTS = 30
"""Broken streams in a row before the client gives up: about two minutes."""
_LONGEST_WAIT = 5.0
"""Seconds between two tries, at most."""


def _key_for(gateway: httpx.URL, api_key: str) -> Callable[[httpx.Request], httpx.Request]:
    """Return what adds the key to requests to the gateway alone: files of an article may lie elsewhere."""

    def add(request: httpx.Request) -> httpx.Request:
        if (request.url.scheme, request.url.netloc) == (gateway.scheme, gateway.netloc):
            request.headers["Authorization"] = f"Bearer {api_key}"
        return request

    return add


def _refusal(response: httpx.Response) -> RequestRefused:
    try:
        problem = response.json()
    except ValueError:
        problem = {}
    detail = problem.get("detail") or problem.get("title") or response.reason_phrase
    return RequestRefused(response.status_code, problem.get("code", "unknown"), detail)
