"""robots.txt, by RFC 9309: 4xx allows everything, a server that fails allows nothing for now."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import msgspec
from protego import Protego

from stage_workers.adapters.http_get import Fetched
from stage_workers.errors import FetchFailed

KEPT_SECONDS = 600.0
"""How long rules are kept; RFC 9309 allows a day."""
MOST_SITES = 500
MOST_BYTES = 512 * 1024
"""What is read of a robots.txt; RFC 9309 asks for 500 KiB at least."""


class Rules(msgspec.Struct, frozen=True):
    """One site's rules."""

    parsed: Protego
    unreachable: FetchFailed | None
    read_at: float


class Robots:
    """The rules of the sites that were visited."""

    def __init__(self, get: Callable[[str], Awaitable[Fetched]], user_agent: str) -> None:
        self._get = get
        self._agent = user_agent.split("/", maxsplit=1)[0]
        self._rules: dict[str, Rules] = {}

    async def check(self, origin: str, url: str) -> None:
        """Raise FetchFailed when the site's rules forbid ``url``, or can't be read for now."""
        rules = await self._of(origin)
        if rules.unreachable is not None:
            raise rules.unreachable
        if not rules.parsed.can_fetch(url, self._agent):
            raise FetchFailed(url, "robots_denied", f"the site's robots.txt forbids {url}", transient=False)

    async def sitemaps(self, origin: str) -> tuple[str, ...]:
        """Return the sitemaps that the site names."""
        return tuple((await self._of(origin)).parsed.sitemaps)

    async def _of(self, origin: str) -> Rules:
        known = self._rules.get(origin)
        if known is None or time.monotonic() - known.read_at > KEPT_SECONDS or known.unreachable:
            if len(self._rules) >= MOST_SITES:
                self._rules.clear()
            known = self._rules[origin] = await self._read(origin)
        return known

    async def _read(self, origin: str) -> Rules:
        url = f"{origin}/robots.txt"
        try:
            text = (await self._get(url)).body[:MOST_BYTES].decode("utf-8", "replace")
        except FetchFailed as error:
            away = error if error.transient else None
            return Rules(Protego.parse(""), away, time.monotonic())
        return Rules(await asyncio.to_thread(Protego.parse, text), None, time.monotonic())
