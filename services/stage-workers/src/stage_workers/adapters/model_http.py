"""One bounded POST to a model provider: a total deadline, a cap on the answer, errors mapped once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx
import msgspec

from chassis.clock import SystemClock
from stage_workers.adapters import model_errors

MOST_BYTES = 32 * 1024 * 1024
"""Of an answer; an image as base64 is the largest."""
CONNECT_SECONDS = 10.0


class ModelEndpoint:
    """A provider's HTTP interface, through the environment's proxies. Cancelling a call closes its connection."""

    def __init__(self, provider: str, key: str, headers: Mapping[str, str], seconds: float) -> None:
        timeout = httpx.Timeout(seconds, connect=min(CONNECT_SECONDS, seconds))
        self._client = httpx.AsyncClient(timeout=timeout)
        self._provider = provider
        self._key = key
        self._headers = dict(headers)
        self._seconds = seconds
        self._clock = SystemClock()

    async def aclose(self) -> None:
        await self._client.aclose()

    async def post(self, url: str, body: Any) -> dict[str, Any]:
        """Return the answer's JSON object. Raises Transient or Permanent."""
        try:
            async with asyncio.timeout(self._seconds):
                status, headers, data = await self._exchanged(url, body)
        except (TimeoutError, httpx.TimeoutException) as error:
            raise model_errors.late(self._provider, self._seconds) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            why = str(error) or type(error).__name__
            raise model_errors.lost(self._provider, why, self._key) from error
        if not httpx.codes.is_success(status):
            text = data.decode(errors="replace")
            raise model_errors.refusal(
                status, text, headers, provider=self._provider, key=self._key, now=self._clock.now()
            )
        return self._decoded(data)

    async def _exchanged(self, url: str, body: Any) -> tuple[int, Mapping[str, str], bytes]:
        headers = {"Content-Type": "application/json", **self._headers}
        content = msgspec.json.encode(body)
        async with self._client.stream("POST", url, content=content, headers=headers) as response:
            data = bytearray()
            async for part in response.aiter_bytes():
                data += part
                if len(data) > MOST_BYTES:
                    raise model_errors.garbled(self._provider, f"it has more than {MOST_BYTES} bytes")
            return response.status_code, response.headers, bytes(data)

    def _decoded(self, data: bytes) -> dict[str, Any]:
        try:
            return msgspec.json.decode(data, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise model_errors.garbled(self._provider, str(error)) from error
