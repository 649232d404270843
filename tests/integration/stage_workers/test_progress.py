"""What a stage says of its progress reaches whoever listens, not too often, and is never in the stage's way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from chassis.clock import SystemClock
from contracts import codec, subjects
from contracts.events import StageProgress
from stage_workers.context import Ports, RunningContext


@pytest.fixture
def context(bench: Any) -> RunningContext:
    nothing: Any = None
    return RunningContext(bench.command(), Ports(*[nothing] * 5), nothing, bench.client, SystemClock())


@pytest.fixture
async def heard(bench: Any) -> AsyncIterator[list[Any]]:
    events: list[Any] = []

    async def hear(message: Any) -> None:
        events.append((message.headers, codec.decode_event(message.data)))

    subscription = await bench.client.subscribe(subjects.EVENTS, cb=hear)
    yield events
    if not bench.client.is_closed:
        await subscription.unsubscribe()


async def test_the_first_word_is_heard_as_an_event_of_the_job(
    bench: Any, context: RunningContext, heard: list[Any]
) -> None:
    await context.progress("reading", 1, 5)
    await bench.until(lambda: heard)
    headers, event = heard[0]
    assert isinstance(event, StageProgress)
    assert (event.job_id, event.seq, event.name) == (context.job_id, None, "company")
    assert (event.message, event.done, event.total) == ("reading", 1, 5)
    assert headers["ce-id"]


@pytest.mark.parametrize(("done", "total"), [(1, 500), (None, None)])
async def test_what_comes_too_fast_is_left_out(
    bench: Any, context: RunningContext, heard: list[Any], done: int | None, total: int | None
) -> None:
    for number in range(300):
        await context.progress(f"step {number}", done, total)
    await bench.client.flush()
    assert len(heard) < 10
    await bench.until(lambda: _spoken(context, heard, done, total))


async def _spoken(context: RunningContext, heard: list[Any], done: int | None, total: int | None) -> bool:
    """Whether a later word gets through again."""
    before = len(heard)
    await context.progress("later", done, total)
    await context._client.flush()
    return len(heard) > before


async def test_the_last_step_is_never_left_out(bench: Any, context: RunningContext, heard: list[Any]) -> None:
    for number in range(1, 4):
        await context.progress("step", number, 3)
    await bench.until(lambda: [event.done for _, event in heard] == [1, 3])


async def test_a_long_message_is_cut(bench: Any, context: RunningContext, heard: list[Any]) -> None:
    await context.progress("x" * 2_000_000)
    await bench.until(lambda: heard)
    assert heard[0][1].message == "x" * 500


async def test_a_broker_that_is_away_holds_no_stage_up(bench: Any, context: RunningContext) -> None:
    await bench.stop_broker()
    await bench.until(lambda: not bench.client.is_connected)
    async with asyncio.timeout(2):
        for _ in range(5000):
            await context.progress("step " + "x" * 500, 3, 3)
    await bench.start_broker()
    await bench.until(lambda: bench.client.is_connected)


async def test_a_connection_that_is_closed_holds_no_stage_up(bench: Any, context: RunningContext) -> None:
    await bench.client.close()
    await context.progress("step")
