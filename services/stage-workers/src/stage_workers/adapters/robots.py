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
        self._reading: dict[str, asyncio.Lock] = {}
        """Of sites whose rules are being read: pages that are wanted at once must not each ask for them."""

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
        began = time.monotonic()
        if (known := self._known(origin, began)) is not None:
            return known
        lock = self._reading.setdefault(origin, asyncio.Lock())
        try:
            async with lock:
                return self._known(origin, began) or await self._read_anew(origin)
        finally:
            if not lock.locked():
                self._reading.pop(origin, None)

    def _known(self, origin: str, began: float) -> Rules | None:
        """Return rules that are fresh; a failure is only while it is of this very moment."""
        known = self._rules.get(origin)
        if known is None or began - known.read_at > KEPT_SECONDS:
            return None
        return known if known.unreachable is None or known.read_at >= began else None

    async def _read_anew(self, origin: str) -> Rules:
        if len(self._rules) >= MOST_SITES:
            self._rules.clear()
        self._rules[origin] = await self._read(origin)
        return self._rules[origin]

    async def _read(self, origin: str) -> Rules:
        url = f"{origin}/robots.txt"
        try:
            text = (await self._get(url)).body[:MOST_BYTES].decode("utf-8", "replace")
        except FetchFailed as error:
            away = error if error.transient else None
            return Rules(Protego.parse(""), away, time.monotonic())
        return Rules(await asyncio.to_thread(Protego.parse, text), None, time.monotonic())
