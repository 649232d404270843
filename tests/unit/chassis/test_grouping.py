"""Group commit: who asks while a group is worked on is in the next one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from chassis.grouping import Grouped


class Work:
    """Records its groups and lets each go on only when told to."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.gate = asyncio.Semaphore(0)

    async def __call__(self, items: Sequence[int]) -> list[int]:
        self.groups.append(list(items))
        await self.gate.acquire()
        if -1 in items:
            raise ValueError("a bad item")
        return [item * 10 for item in items]

    async def started(self, groups: int) -> None:
        while len(self.groups) < groups:
            await asyncio.sleep(0)

    def go_on(self, groups: int = 1) -> None:
        for _ in range(groups):
            self.gate.release()


def ask(grouped: Grouped[int, int], *items: int) -> list[asyncio.Task[int]]:
    return [asyncio.create_task(grouped.do(item)) for item in items]


async def test_a_lone_caller_waits_for_nobody() -> None:
    work = Work()
    work.go_on()
    assert await Grouped(work, 10).do(7) == 70


async def test_who_asks_meanwhile_is_in_the_next_group_and_gets_its_own_result() -> None:
    work = Work()
    grouped = Grouped(work, 10)
    first = ask(grouped, 1)
    await work.started(1)
    rest = ask(grouped, 2, 3)
    await asyncio.sleep(0)
    work.go_on(2)
    assert await asyncio.gather(*first, *rest) == [10, 20, 30]
    assert work.groups == [[1], [2, 3]]


async def test_a_group_is_no_larger_than_allowed() -> None:
    work = Work()
    work.go_on(3)
    assert await asyncio.gather(*ask(Grouped(work, 2), 1, 2, 3, 4, 5)) == [10, 20, 30, 40, 50]
    assert work.groups == [[1, 2], [3, 4], [5]]


async def test_what_a_group_raises_reaches_all_of_it_and_nobody_else() -> None:
    work = Work()
    grouped = Grouped(work, 2)
    tasks = ask(grouped, 1, -1, 2)
    work.go_on(2)
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results] == [ValueError, ValueError, int]
    work.go_on()
    assert await grouped.do(4) == 40


async def test_a_caller_that_gives_up_disturbs_nobody() -> None:
    work = Work()
    grouped = Grouped(work, 10)
    impatient, patient = ask(grouped, 1, 2)
    await work.started(1)
    impatient.cancel()
    work.go_on()
    assert await patient == 20
    with pytest.raises(asyncio.CancelledError):
        await impatient


async def test_who_stops_waiting_before_its_group_begins_takes_its_item_along() -> None:
    work = Work()
    grouped = Grouped(work, 10)
    first = ask(grouped, 1)
    await work.started(1)
    gone, stays = ask(grouped, 2, 3)
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.sleep(0)
    work.go_on(2)
    assert await asyncio.gather(*first, stays) == [10, 30]
    assert work.groups == [[1], [3]]
