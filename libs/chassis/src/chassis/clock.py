"""Time, as something that is handed in."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import Protocol, runtime_checkable

OFFSET_VARIABLE = "BLOG_WRITER_CLOCK_OFFSET_SECONDS"
"""Sets a process's clock wrong by so much, so that tests can show what that does."""


@runtime_checkable
class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """Return the time, aware, in UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def __init__(self) -> None:
        self._offset = timedelta(seconds=float(os.environ.get(OFFSET_VARIABLE) or 0))

    def now(self) -> datetime:
        """Return the time, aware, in UTC."""
        return datetime.now(UTC) + self._offset  # noqa: TID251  this is the edge where time comes in


class FrozenClock:
    """A clock that stands still until it is moved."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    def now(self) -> datetime:
        """Return the time it stands at."""
        return self._at

    def advance(self, seconds: float) -> None:
        """Move it forward."""
        self._at += timedelta(seconds=seconds)
