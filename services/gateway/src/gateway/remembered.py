"""What was read a moment ago."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

Name = TypeVar("Name", bound=Hashable)
Value = TypeVar("Value")


class Remembered(Generic[Name, Value]):
    """Values by name, each believed for some seconds from before it was read; the oldest go when there are too many."""

    def __init__(self, seconds: float, largest: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._largest = largest
        self._clock = clock
        self._values: dict[Name, tuple[float, Value]] = {}

    async def get(self, name: Name, read: Callable[[], Awaitable[Value]]) -> Value:
        """Return a value, read anew when it is too old. What ``read`` raises is raised, and not remembered."""
        known = self._values.get(name)
        now = self._clock()
        if known is not None and now < known[0]:
            return known[1]
        value = await read()
        self._values.pop(name, None)
        self._values[name] = (now + self._seconds, value)
        while len(self._values) > self._largest:
            del self._values[next(iter(self._values))]
        return value
