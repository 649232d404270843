"""One attempt under way: bounded in time, and ended on request, whatever the stage does about it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from chassis import logs
from contracts.results import Outcome, StageRetry

log = logs.get_logger(__name__)

CANCEL_SECONDS = (5.0, 1.0)
"""How long a stage may take to end after it was cancelled, and after it was cancelled again."""

_abandoned: set[asyncio.Task[Any]] = set()
"""Stages that went on regardless; asyncio itself would let a task that nobody holds vanish."""


class Supervised:
    """A stage's coroutine as a task."""

    lost = False
    """Whether it was ended because its command is another's now."""

    def __init__(self, attempt: Coroutine[Any, Any, Outcome]) -> None:
        self._task = asyncio.create_task(attempt)
        self._cancelled = asyncio.Event()

    def cancel(self) -> None:
        """End it; there will be no outcome, whatever it returns."""
        self._cancelled.set()

    def lose(self) -> None:
        """End it, and leave what it did to whoever has its command."""
        self.lost = True
        self.cancel()

    async def outcome(self, seconds: float) -> Outcome | None:
        """Return what the attempt comes to within its time; None when it was cancelled.

        The stage has ended by then, unless it ignored two cancellations.
        """
        cancelled = asyncio.create_task(self._cancelled.wait())
        try:
            await asyncio.wait({self._task, cancelled}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if self._cancelled.is_set():
                return None
            if not self._task.done():
                return StageRetry(code="stage_timeout", reason=f"not finished within {seconds:.3g} s")
            return self._result()
        finally:
            cancelled.cancel()
            await self._end()

    def _result(self) -> Outcome:
        if self._task.cancelled():
            return StageRetry(code="internal_error", reason="the stage was cancelled from inside")
        return self._task.result()

    async def _end(self) -> None:
        for seconds in CANCEL_SECONDS:
            if self._task.done():
                break
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=seconds)
        if not self._task.done():
            log.error("stage_abandoned", reason="it goes on though it was cancelled")
            _abandoned.add(self._task)
            self._task.add_done_callback(_abandoned.discard)
