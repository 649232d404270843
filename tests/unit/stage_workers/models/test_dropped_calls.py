import asyncio
import threading

import pytest

from stage_workers.adapters.dropped_calls import DroppedCalls


class Blocking:
    """A call that blocks its thread until it is let go."""

    def __init__(self):
        self.begun, self.go = threading.Event(), threading.Event()

    def __call__(self):
        self.begun.set()
        assert self.go.wait(30)
        return "late"


async def begun(call):
    assert await asyncio.to_thread(call.begun.wait, 10)


async def test_a_call_returns_and_raises_what_it_does():
    calls = DroppedCalls(1, "test")
    assert await calls.run(lambda: 5) == 5
    with pytest.raises(ZeroDivisionError):
        await calls.run(lambda: 1 // 0)
    assert await calls.run(lambda: None) is None


async def test_no_more_calls_run_than_there_are_places():
    calls, first = DroppedCalls(1, "test"), Blocking()
    running = asyncio.create_task(calls.run(first))
    await begun(first)
    second = Blocking()
    waiting = asyncio.create_task(calls.run(second))
    await asyncio.sleep(0)
    assert not second.begun.is_set()
    first.go.set()
    second.go.set()
    assert await asyncio.gather(running, waiting) == ["late", "late"]


async def test_a_call_that_was_given_up_holds_its_place_until_it_ends_and_its_answer_is_dropped():
    calls, first = DroppedCalls(1, "test"), Blocking()
    given_up = asyncio.create_task(calls.run(first))
    await begun(first)
    given_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await given_up
    second = asyncio.create_task(calls.run(lambda: "mine"))
    await asyncio.sleep(0)
    assert not second.done()
    first.go.set()
    assert await second == "mine"


async def test_waiting_for_a_place_can_be_given_up():
    calls, first = DroppedCalls(1, "test"), Blocking()
    running = asyncio.create_task(calls.run(first))
    await begun(first)
    waiting = asyncio.create_task(calls.run(lambda: 1))
    await asyncio.sleep(0)
    waiting.cancel()
    first.go.set()
    assert await running == "late"
    assert await calls.run(lambda: 2) == 2


async def test_the_end_of_the_process_does_not_wait_for_a_call():
    calls, call = DroppedCalls(1, "held up"), Blocking()
    running = asyncio.create_task(calls.run(call))
    await begun(call)
    assert all(thread.daemon for thread in threading.enumerate() if thread.name == "held up")
    call.go.set()
    await running
