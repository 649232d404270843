"""Wake-ups: whoever waits for a job, or for all of a tenant, hears of events at once, and reads the rest from the database.

The feed is a plain subscription on NATS and may miss anything; those who wait look at the database from time to time
all the same.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import msgspec
from nats.aio.client import Client
from nats.aio.msg import Msg

from contracts import subjects

PROGRESS = "stage_progress"
KEPT_PROGRESS = 64
"""Progress messages kept for a reader that is slower than they come; older ones are dropped."""


class Listener:
    """One who waits for events."""

    def __init__(self) -> None:
        self.closed = False
        self.woken = False
        """Whether something happened during the last wait."""
        self._event = asyncio.Event()
        self._progress: deque[bytes] = deque(maxlen=KEPT_PROGRESS)

    def hear(self, message: Msg | None) -> None:
        """Take in a message; None when the gateway stops."""
        self.closed = self.closed or message is None
        if message is not None and message.subject.endswith(PROGRESS):
            self._progress.append(message.data)
        self._event.set()

    async def wait(self, seconds: float) -> list[bytes]:
        """Wait until something happens, at most so long; return progress that came meanwhile (JSON)."""
        try:
            async with asyncio.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            self.woken = False
            return []
        self.woken = True
        self._event.clear()
        progress = list(self._progress)
        self._progress.clear()
        return progress


class _Owner(msgspec.Struct):
    """Of an event, whose it is."""

    tenant: str = ""


class Feed:
    """All listeners, by job and by tenant."""

    def __init__(self) -> None:
        self._jobs: defaultdict[str, set[Listener]] = defaultdict(set)
        self._tenants: defaultdict[str, set[Listener]] = defaultdict(set)
        self._owner = msgspec.json.Decoder(_Owner)
        self._closed = False

    async def attach(self, client: Client) -> None:
        """Listen to the events of all jobs."""
        await client.subscribe(subjects.EVENTS, cb=self._on_message)

    async def _on_message(self, message: Msg) -> None:
        hearers = list(self._jobs.get(message.subject.split(".")[2], ()))
        if self._tenants:
            hearers += self._tenants.get(self._tenant(message), ())
        for listener in hearers:
            listener.hear(message)

    def _tenant(self, message: Msg) -> str:
        """Return whose event it is; nobody's when it cannot be read, which those who wait find out by looking."""
        try:
            return self._owner.decode(message.data).tenant
        except msgspec.DecodeError:
            return ""

    def listen(self, job_id: str) -> AbstractContextManager[Listener]:
        """Hear of one job's events inside the context."""
        return self._listening(self._jobs, job_id)

    def listen_to_tenant(self, tenant: str) -> AbstractContextManager[Listener]:
        """Hear of the events of all of a tenant's jobs inside the context."""
        return self._listening(self._tenants, tenant)

    @contextmanager
    def _listening(self, listeners: defaultdict[str, set[Listener]], name: str) -> Iterator[Listener]:
        listener = Listener()
        listener.closed = self._closed
        listeners[name].add(listener)
        try:
            yield listener
        finally:
            listeners[name].discard(listener)
            if not listeners[name]:
                del listeners[name]

    def __len__(self) -> int:
        """Return how many listen."""
        return sum(map(len, (*self._jobs.values(), *self._tenants.values())))

    def close(self) -> None:
        """Tell all who wait that the gateway stops."""
        self._closed = True
        for listeners in (*self._jobs.values(), *self._tenants.values()):
            for listener in listeners:
                listener.hear(None)
