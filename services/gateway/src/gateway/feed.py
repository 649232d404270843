"""Wake-ups: whoever waits for a job hears of its events at once, and reads the rest from the database.

The feed is a plain subscription on NATS and may miss anything; those who wait look at the database from time to time
all the same.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager

from nats.aio.client import Client
from nats.aio.msg import Msg

from contracts import subjects

PROGRESS = "stage_progress"
KEPT_PROGRESS = 64
"""Progress messages kept for a reader that is slower than they come; older ones are dropped."""


class Listener:
    """One who waits for a job's events."""

    def __init__(self) -> None:
        self.closed = False
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
            return []
        self._event.clear()
        progress = list(self._progress)
        self._progress.clear()
        return progress


class Feed:
    """All listeners, by job."""

    def __init__(self) -> None:
        self._listeners: defaultdict[str, set[Listener]] = defaultdict(set)
        self._closed = False

    async def attach(self, client: Client) -> None:
        """Listen to the events of all jobs."""
        await client.subscribe(subjects.EVENTS, cb=self._on_message)

    async def _on_message(self, message: Msg) -> None:
        for listener in self._listeners.get(message.subject.split(".")[2], ()):
            listener.hear(message)

    @contextmanager
    def listen(self, job_id: str) -> Iterator[Listener]:
        """Hear of one job's events inside the context."""
        listener = Listener()
        listener.closed = self._closed
        self._listeners[job_id].add(listener)
        try:
            yield listener
        finally:
            self._listeners[job_id].discard(listener)
            if not self._listeners[job_id]:
                del self._listeners[job_id]

    def close(self) -> None:
        """Tell all who wait that the gateway stops."""
        self._closed = True
        for listeners in self._listeners.values():
            for listener in listeners:
                listener.hear(None)
