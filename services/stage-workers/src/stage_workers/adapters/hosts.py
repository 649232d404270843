"""Turns at a host: so many requests at once, and so many a second."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

AT_ONCE = 4
PER_SECOND = 10.0
BURST = 20
"""Requests that a host that was left alone gets without a pause."""
MOST_HOSTS = 1000


class Host:
    """One host's places and pace."""

    def __init__(self, at_once: int) -> None:
        self.places = asyncio.Semaphore(at_once)
        self.users = 0
        """Requests that wait or run."""
        self.next_at = 0.0
        """When the next request would be due if all came at an even pace."""


class Hosts:
    """The hosts that are asked, those asked longest ago forgotten first."""

    def __init__(self, at_once: int = AT_ONCE, per_second: float = PER_SECOND, burst: int = BURST) -> None:
        self._at_once = at_once
        self._interval = 1 / per_second
        self._ahead = (burst - 1) * self._interval
        self._hosts: OrderedDict[str, Host] = OrderedDict()

    def __len__(self) -> int:
        return len(self._hosts)

    def __contains__(self, name: str) -> bool:
        return name in self._hosts

    @asynccontextmanager
    async def turn(self, name: str) -> AsyncIterator[None]:
        """Wait for a place, then for the time, and hold the place while the request runs."""
        host = self._of(name)
        host.users += 1
        try:
            async with host.places:
                await asyncio.sleep(self.wait(host, asyncio.get_running_loop().time()))
                yield
        finally:
            host.users -= 1

    def wait(self, host: Host, now: float) -> float:
        """Return the seconds until the next request, and count it."""
        due = max(host.next_at, now)
        host.next_at = due + self._interval
        return max(0.0, due - self._ahead - now)

    def _of(self, name: str) -> Host:
        host = self._hosts.setdefault(name, Host(self._at_once))
        self._hosts.move_to_end(name)
        if len(self._hosts) > MOST_HOSTS:
            idle = next((key for key, each in self._hosts.items() if not each.users and key != name), None)
            self._hosts.pop(idle or name, None)
        return host
