"""Blocking calls that may be given up: each runs in a thread of its own, at most so many at once.

A thread cannot be stopped. When its caller is cancelled, its answer is dropped once it comes; until then it holds
its place. The threads are daemons, so that a call that hangs does not hold up the end of the process, which the
threads of an executor would.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class DroppedCalls:
    """A small pool of threads. All calls come from one event loop."""

    def __init__(self, at_once: int, name: str) -> None:
        self._places = asyncio.Semaphore(at_once)
        self._name = name

    async def run(self, call: Callable[[], T]) -> T:
        """Return what ``call`` returns, computed in a thread. Raises what it raises."""
        await self._places.acquire()
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()

        def ended(result: T | None, error: Exception | None) -> None:
            self._places.release()
            if answer.cancelled():
                return
            if error is not None:
                answer.set_exception(error)
            else:
                answer.set_result(result)  # type: ignore[arg-type]  # T may itself be None

        def work() -> None:
            try:
                result, error = call(), None
            except Exception as problem:  # noqa: BLE001  handed to the caller
                result, error = None, problem
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(ended, result, error)

        threading.Thread(target=work, name=self._name, daemon=True).start()
        return await answer
