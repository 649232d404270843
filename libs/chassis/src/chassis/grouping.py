"""Group commit: what is asked for while a group is being worked on becomes the next group.

A lone caller waits for nothing; many at once share the cost of one transaction.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Grouped(Generic[Item, Result]):
    """Calls ``work`` with groups of items, one group at a time; it returns a result for each, in order."""

    def __init__(self, work: Callable[[Sequence[Item]], Awaitable[Sequence[Result]]], largest: int) -> None:
        self._work = work
        self._largest = largest
        self._waiting: deque[tuple[Item, asyncio.Future[Result]]] = deque()
        self._running: asyncio.Task[None] | None = None

    async def do(self, item: Item) -> Result:
        """Return the item's result once its group is done. Raises what ``work`` raised for the group.

        Who stops waiting before the group is begun takes the item along.
        """
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await future

    async def _run(self) -> None:
        try:
            while self._waiting:
                size = min(self._largest, len(self._waiting))
                group = [self._waiting.popleft() for _ in range(size)]
                if wanted := [(item, future) for item, future in group if not future.done()]:
                    await self._settle(wanted)
        finally:
            self._running = None

    async def _settle(self, group: list[tuple[Item, asyncio.Future[Result]]]) -> None:
        """Work on a group and wake those who wait for it; some may go meanwhile."""
        futures = [future for _, future in group]
        try:
            results = await self._work([item for item, _ in group])
            for future, result in zip(futures, results, strict=True):
                if not future.done():
                    future.set_result(result)
        except Exception as error:  # noqa: BLE001  it is raised where the items came from
            for future in futures:
                if not future.done():
                    future.set_exception(error)
        finally:
            for future in futures:
                future.cancel()
