"""One bounded GET to a search engine: a total deadline, a cap on the answer, errors mapped once.

The operator names the engine, so it is asked wherever it is, a private address or a proxy included; what it finds is
strangers', and read through the guard like any page.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping
from html import unescape
from typing import Any, TypeVar

import httpx
import msgspec

from chassis.clock import SystemClock
from chassis.egress import LONGEST_URL
from stage_workers.adapters import retry_after
from stage_workers.errors import Permanent, PortError, Transient
from stage_workers.ports import Hit

T = TypeVar("T")

SECONDS = 20.0
"""For one search, connecting included."""
MOST_BYTES = 4 * 1024 * 1024
LONGEST_QUERY = 400
"""Characters, as Brave allows; a longer query is no better."""
_REASON = 400
_LONGEST_TEXT = 1000
_PASSING = frozenset({408, 425})
_TAG = re.compile(r"<[^<>]{0,200}>")


class SearchEndpoint:
    """An engine's HTTP interface. Cancelling a call closes its connection."""

    def __init__(
        self, engine: str, url: str, headers: Mapping[str, str], *, key: str = "", seconds: float = SECONDS
    ) -> None:
        self._engine = engine
        self._url = url
        self._key = key
        self._seconds = seconds
        self._clock = SystemClock()
        self._client = httpx.AsyncClient(
            timeout=httpx.Timeout(seconds), headers={"Accept": "application/json", **headers}
        )

    async def aclose(self) -> None:
        await self._client.aclose()

    async def get(self, parameters: Mapping[str, str], kind: type[T]) -> T:
        """Return the answer as ``kind``. Raises Transient (``search_rate_limited``, ``search_unavailable``,
        ``search_timeout``, ``search_unreachable``, ``search_malformed``) or Permanent (``search_key``,
        ``search_request``)."""
        try:
            async with asyncio.timeout(self._seconds):
                status, headers, data = await self._exchanged(parameters)
        except (TimeoutError, httpx.TimeoutException) as error:
            reason = f"{self._engine} did not answer within {self._seconds:g} s"
            raise Transient("search_timeout", reason) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            why = str(error) or type(error).__name__
            raise Transient("search_unreachable", self._said(why)) from error
        if not httpx.codes.is_success(status):
            raise self._refusal(status, headers, data.decode(errors="replace"))
        return self._decoded(headers, data, kind)

    async def _exchanged(self, parameters: Mapping[str, str]) -> tuple[int, Mapping[str, str], bytes]:
        async with self._client.stream("GET", self._url, params=dict(parameters)) as response:
            data = bytearray()
            async for part in response.aiter_bytes():
                data += part
                if len(data) > MOST_BYTES:
                    raise Transient("search_malformed", f"{self._engine} sent more than {MOST_BYTES} bytes")
            return response.status_code, response.headers, bytes(data)

    def _refusal(self, status: int, headers: Mapping[str, str], body: str) -> PortError:
        reason = self._said(f"answered {status}: {' '.join(body.split())}")
        if status == 429:  # noqa: PLR2004  Too Many Requests
            wait = retry_after.seconds(headers, self._clock.now())
            return Transient("search_rate_limited", reason, wait if wait is not None else _reset(headers))
        if status >= 500 or status in _PASSING:  # noqa: PLR2004  server errors
            wait = retry_after.seconds(headers, self._clock.now())
            return Transient("search_unavailable", reason, wait)
        if status in {401, 402, 403} or "SUBSCRIPTION_TOKEN_INVALID" in body:
            return Permanent("search_key", reason)
        return Permanent("search_request", reason)

    def _decoded(self, headers: Mapping[str, str], data: bytes, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(data, type=kind)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            sent = headers.get("content-type", "").partition(";")[0] or "nothing that it names"
            reason = self._said(f"gave an answer that cannot be read ({sent}): {error}")
            raise Transient("search_malformed", reason) from error

    def _said(self, text: str) -> str:
        text = f"{self._engine} {text}"
        return (text.replace(self._key, "***") if self._key else text)[:_REASON]


def _reset(headers: Mapping[str, str]) -> float | None:
    """Return the seconds until Brave counts anew what is used up: the rate of a second, or the month's quota."""
    resets, left = (_numbers(headers.get(f"x-ratelimit-{name}", "")) for name in ("reset", "remaining"))
    used_up = [wait for wait, rest in zip(resets, left, strict=False) if not rest]
    waits = used_up or resets[:1]
    return retry_after.bounded(float(max(waits))) if waits else None


def _numbers(text: str) -> list[int]:
    """Return the numbers of a list like ``1, 1419704``; nothing when it is none."""
    parts = [part.strip() for part in text.split(",")]
    return [int(part) for part in parts] if all(part.isdecimal() for part in parts) else []


def asked(query: str) -> str:
    """Return a query as engines take it: one line, not longer than they allow."""
    return " ".join(query.split())[:LONGEST_QUERY].strip()


def hits(found: Iterable[tuple[Any, Any, Any]], limit: int) -> tuple[Hit, ...]:
    """Return address, title and snippet as hits, each address once; what is no web address is left out."""
    kept: dict[str, Hit] = {}
    for url, title, snippet in found:
        if len(kept) < limit and _is_web_address(url) and url not in kept:
            kept[url] = Hit(url=url, title=_plain(title) or url, snippet=_plain(snippet))
    return tuple(kept.values())


def _is_web_address(url: Any) -> bool:
    return isinstance(url, str) and url.startswith(("http://", "https://")) and len(url) <= LONGEST_URL


def _plain(text: Any) -> str:
    """Return the words of a text that may hold markup."""
    return " ".join(unescape(_TAG.sub("", text)).split())[:_LONGEST_TEXT] if isinstance(text, str) else ""
