"""What a worker takes, how long it keeps it, and what becomes of it when the worker or the broker goes."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from chassis.broker import ensure_stream
from contracts import codec, streams, subjects
from contracts.commands import RunStage
from contracts.dead_letters import DeadLetter
from contracts.results import StageDone
from contracts.stages import PIPELINE_VERSION, StageId
from stage_workers.aside import LATER_VERSION_DELIVERIES
from stage_workers.claims import Claim
from stage_workers.outcome import Done

HANGING_WORKER = Path(__file__).with_name("hanging_worker.py")


async def test_a_worker_holds_one_message_for_each_slot_and_no_more(bench: Any) -> None:
    stage = bench.stage()
    async with bench.worker({StageId.COMPANY: stage}, slots=2):
        await bench.send(*(bench.command() for _ in range(6)))
        await bench.until(lambda: stage.running == 2)
        await bench.never(lambda: _more_than(bench, 2), seconds=1.5)
        stage.gate.set()
        await bench.outcomes(6)


async def test_stages_take_turns_when_there_are_fewer_slots(bench: Any) -> None:
    stage = bench.stage()
    async with bench.worker(dict.fromkeys(bench.outputs, stage), slots=1):
        await bench.send(*(bench.command(kind) for kind in bench.outputs for _ in range(3)))
        await bench.until(lambda: stage.running == 1)
        await bench.never(lambda: _more_than(bench, 1), seconds=1.5)
        stage.gate.set()
        await bench.outcomes(9)
        kinds = [type(inp).__name__ for inp, _ in stage.runs]
        assert len(set(kinds[:3])) == 3, f"one stage had all the turns: {kinds}"


async def test_an_idle_worker_starts_a_lone_stage_at_once(bench: Any) -> None:
    stage = bench.stage(opened=True)
    async with bench.worker({StageId.COMPANY: stage}):
        await bench.send(bench.command())
        await bench.outcomes()
        waits = []
        for number in range(2, 12):
            sent = time.monotonic()
            await bench.send(bench.command())
            await bench.until(lambda number=number: len(stage.runs) == number)
            waits.append(stage.started_at[-1] - sent)
    assert sorted(waits)[len(waits) // 2] < 0.1


async def test_a_stage_with_a_free_slot_is_not_held_up_by_stages_that_only_ask(bench: Any) -> None:
    """Two of three slots are busy and three stages want to ask with the third: each gets there."""
    busy, quick = bench.stage(), bench.stage(opened=True)
    registry = {StageId.COMPANY: busy, StageId.BRIEF: quick, StageId.RESEARCH: quick}
    async with bench.worker(registry, slots=3):
        await bench.send(bench.command(), bench.command())
        await bench.until(lambda: busy.running == 2)
        sent = time.monotonic()
        await bench.send(bench.command(StageId.BRIEF), bench.command(StageId.RESEARCH))
        await bench.outcomes(2)
        assert time.monotonic() - sent < 2.5


async def test_two_workers_share_what_there_is(bench: Any) -> None:
    one, other = bench.stage(), bench.stage()
    async with (
        bench.worker({StageId.COMPANY: one}, slots=2),
        bench.worker({StageId.COMPANY: other}, slots=2),
    ):
        await bench.send(*(bench.command() for _ in range(4)))
        await bench.until(lambda: (one.running, other.running) == (2, 2))
        one.gate.set()
        other.gate.set()
        await bench.send(*(bench.command() for _ in range(40)))
        await bench.outcomes(44, seconds=20)
    assert min(len(one.runs), len(other.runs)) >= 10, (len(one.runs), len(other.runs))


async def test_a_live_stage_is_never_given_to_another_worker(bench: Any) -> None:
    one, other = bench.stage(), bench.stage()
    async with (
        bench.worker({StageId.COMPANY: one}),
        bench.worker({StageId.COMPANY: other}),
    ):
        await bench.send(bench.command())
        await bench.never(lambda: len(one.runs) + len(other.runs) > 1, seconds=3.5 * bench.ack_wait)
        one.gate.set()
        other.gate.set()
        await bench.outcomes()
        await bench.until(lambda: _is(bench.left, 0))
    assert len(one.runs) + len(other.runs) == 1


async def test_the_stage_of_a_killed_worker_restarts_within_an_ack_wait_and_a_second(
    bench: Any, tmp_path: Path
) -> None:
    calls, answers = [], []

    async def go_on(_inp: Any, ctx: Any) -> Any:
        async def paid() -> str:
            calls.append(time.monotonic())
            return "called again"

        answers.append((time.monotonic(), await ctx.checkpoint("paid", str, paid)))
        return await bench.stage(opened=True)(_inp, ctx)

    marker = tmp_path / "hangs"
    process = await asyncio.create_subprocess_exec(
        sys.executable, HANGING_WORKER, bench.server.url, bench.folder, marker
    )
    try:
        await bench.send(bench.command())
        await bench.until(marker.exists, seconds=20)
    finally:
        process.kill()
        await process.wait()
    killed = time.monotonic()
    async with bench.worker({StageId.COMPANY: go_on}):
        (outcome,) = await bench.outcomes()
    assert isinstance(outcome, StageDone)
    restarted, answer = answers[0]
    assert restarted - killed < bench.ack_wait + 1
    assert (answer, calls) == ("from the worker that was killed", [])


async def test_draining_lets_running_stages_end(bench: Any) -> None:
    stage = bench.stage()
    async with bench.worker({StageId.COMPANY: stage}) as worker:
        await bench.send(bench.command())
        await bench.until(lambda: stage.running == 1)
        stopping = asyncio.create_task(worker.stop(20))
        await asyncio.sleep(0.2)
        await bench.send(bench.command())
        stage.gate.set()
        await stopping
        (outcome,) = await bench.outcomes()
        assert isinstance(outcome, StageDone)
        assert len(stage.runs) == 1, "a draining worker took something new"
        assert await bench.left() == 1


async def test_what_does_not_end_in_time_goes_to_another_worker_at_once(bench: Any) -> None:
    slow, quick = bench.stage(), bench.stage(opened=True)
    async with bench.worker({StageId.COMPANY: slow}, ack_wait=30) as worker:
        await bench.send(bench.command())
        await bench.until(lambda: slow.running == 1)
        started = time.monotonic()
        await worker.stop(0.3)
        assert 0.3 <= time.monotonic() - started < 2
    async with bench.worker({StageId.COMPANY: quick}, ack_wait=30):
        await bench.outcomes(seconds=5)
    assert len(slow.cancelled) == 1


async def test_a_result_waits_for_the_broker_and_is_published_once(bench: Any) -> None:
    stage = bench.stage()
    async with bench.worker({StageId.COMPANY: stage}):
        await bench.send(bench.command())
        await bench.until(lambda: stage.running == 1)
        await bench.stop_broker()
        stage.gate.set()
        await asyncio.sleep(3)
        await bench.start_broker()
        (outcome,) = await bench.outcomes(seconds=20)
        await bench.until(lambda: _is(bench.left, 0))
        assert isinstance(outcome, StageDone)
        assert len(stage.runs) == 1
        assert len(await bench.results()) == 1


async def test_a_stage_that_outlives_an_outage_is_not_started_again_beside_itself(bench: Any) -> None:
    """Its ack wait has run out meanwhile, so the stream delivers it again, here."""
    stage = bench.stage()
    async with bench.worker({StageId.COMPANY: stage}):
        await bench.send(bench.command())
        await bench.until(lambda: stage.running == 1)
        await bench.stop_broker()
        await asyncio.sleep(3 * bench.ack_wait)
        await bench.start_broker()
        await bench.until(lambda: bench.client.is_connected)
        await bench.never(lambda: len(stage.runs) > 1, seconds=3 * bench.ack_wait)
        stage.gate.set()
        await bench.outcomes(seconds=20)
        await bench.until(lambda: _is(bench.left, 0))
        assert len(await bench.results()) == 1


async def test_a_second_delivery_to_a_worker_that_runs_it_changes_nothing(bench: Any) -> None:
    stage, command = bench.stage(), bench.command()
    async with bench.worker({StageId.COMPANY: stage}, slots=2):
        await bench.send(command)
        await bench.until(lambda: stage.running == 1)
        await bench.js.purge_stream(streams.STAGES.name)
        await bench.send(command)
        await bench.until(lambda: _is(bench.held, 1))
        await bench.never(lambda: len(stage.runs) > 1, seconds=2 * bench.ack_wait)
        stage.gate.set()
        await bench.until(lambda: _is(bench.left, 0))
    assert len(stage.runs) == 1


async def test_a_stage_whose_ack_got_lost_is_not_run_again_by_its_worker(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage, acks, ack = bench.stage(opened=True), [], Claim.ack

    async def first_is_lost(claim: Claim) -> None:
        acks.append(claim)
        if len(acks) > 1:
            await ack(claim)

    monkeypatch.setattr(Claim, "ack", first_is_lost)
    async with bench.worker({StageId.COMPANY: stage}):
        await bench.send(bench.command())
        await bench.until(lambda: _is(bench.left, 0))
    assert (len(stage.runs), len(acks)) == (1, 2)


async def test_a_command_that_is_sent_anew_after_its_end_is_run_again(bench: Any) -> None:
    """The orchestrator does so when the result was lost."""
    stage, command = bench.stage(opened=True), bench.command()
    async with bench.worker({StageId.COMPANY: stage}):
        for number in (1, 2):
            await bench.send(command)
            await bench.until(lambda number=number: len(stage.runs) == number)
            await bench.until(lambda: _is(bench.left, 0))
            await bench.outcomes(1)
            await bench.js.purge_stream(streams.RESULTS.name)


async def test_a_result_is_published_again_until_the_stream_takes_it(bench: Any) -> None:
    stage = bench.stage()
    async with bench.worker({StageId.COMPANY: stage}):
        await bench.send(bench.command())
        await bench.until(lambda: stage.running == 1)
        await bench.js.delete_stream(streams.RESULTS.name)
        stage.gate.set()
        await bench.never(lambda: _is(bench.left, 0), seconds=2 * bench.ack_wait)
        await ensure_stream(bench.js, streams.RESULTS)
        (outcome,) = await bench.outcomes()
        await bench.until(lambda: _is(bench.left, 0))
    assert isinstance(outcome, StageDone)
    assert len(stage.runs) == 1


async def letters(bench: Any, count: int) -> list[DeadLetter]:
    async def there() -> bool:
        return (await bench.js.stream_info(streams.DEAD_LETTERS.name)).state.messages >= count

    await bench.until(there)
    stored = [await bench.js.get_msg(streams.DEAD_LETTERS.name, number + 1) for number in range(count)]
    return [codec.decode(message.data, DeadLetter) for message in stored]


async def test_what_cannot_be_read_is_put_aside_and_the_rest_goes_on(bench: Any) -> None:
    stage = bench.stage(opened=True)
    async with bench.worker({StageId.COMPANY: stage}, slots=1):
        for data in (b"no JSON", b"\xff\xfe", b'{"job_id": 1}'):
            await bench.js.publish(subjects.stage(StageId.COMPANY, "nobody"), data)
        await bench.send(bench.command())
        await bench.outcomes()
        await bench.until(lambda: _is(bench.left, 0))
        aside = await letters(bench, 3)
    assert len(stage.runs) == 1
    assert {letter.code for letter in aside} == {"undecodable"}
    assert {letter.payload for letter in aside} == {b"no JSON", b"\xff\xfe", b'{"job_id": 1}'}


async def test_a_command_of_a_later_pipeline_is_left_to_others_and_then_put_aside(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stage_workers.claims.RETRY_SECONDS", 0.01)
    stage = bench.stage(opened=True)
    command = msgspec.structs.replace(bench.command(), pipeline_version=PIPELINE_VERSION + 1)
    async with bench.worker({StageId.COMPANY: stage}):
        await bench.send(command)
        (letter,) = await letters(bench, 1)
        await bench.until(lambda: _is(bench.left, 0))
    assert (letter.code, letter.deliveries) == ("unknown_version", LATER_VERSION_DELIVERIES + 1)
    assert stage.runs == []


async def test_a_command_that_killed_every_worker_is_put_aside_instead_of_run(bench: Any) -> None:
    stage, command = bench.stage(opened=True), bench.command()
    await bench.send(command)
    taking = await bench.js.pull_subscribe_bind(streams.stage_durable(StageId.COMPANY), streams.STAGES.name)
    for _ in range(streams.STAGE_MAX_DELIVERIES):
        (message,) = await taking.fetch(1, timeout=5)
        await message.nak()
    await taking.unsubscribe()
    async with bench.worker({StageId.COMPANY: stage}):
        (letter,) = await letters(bench, 1)
        await bench.until(lambda: _is(bench.left, 0))
    assert letter.code == "worker_lost"
    assert codec.decode(letter.payload, RunStage) == command
    assert stage.runs == []


async def test_deploys_do_not_count_as_deaths_of_workers(bench: Any) -> None:
    """More workers are stopped in the middle of a stage than may die of it; the next one still runs it."""
    command = bench.command()
    await bench.send(command)
    for _ in range(streams.STAGE_MAX_DELIVERIES + 2):
        stage = bench.stage()
        async with bench.worker({StageId.COMPANY: stage}) as worker:
            await bench.until(lambda stage=stage: stage.running == 1)
            await worker.stop(0)
    async with bench.worker({StageId.COMPANY: bench.stage(opened=True)}):
        (outcome,) = await bench.outcomes()
    assert isinstance(outcome, StageDone)


async def test_deaths_count_among_deploys(bench: Any) -> None:
    stage = bench.stage()
    await bench.send(bench.command())
    for _ in range(3):
        async with bench.worker({StageId.COMPANY: stage}) as worker:
            await bench.until(lambda: stage.running == 1)
            await worker.stop(0)
    taking = await bench.js.pull_subscribe_bind(streams.stage_durable(StageId.COMPANY), streams.STAGES.name)
    for _ in range(streams.STAGE_MAX_DELIVERIES):
        (message,) = await taking.fetch(1, timeout=5)
        await message.nak()
    await taking.unsubscribe()
    async with bench.worker({StageId.COMPANY: bench.stage()}):
        (letter,) = await letters(bench, 1)
    assert letter.code == "worker_lost"
    assert letter.reason.startswith("5 workers")
    assert letter.deliveries == 9


async def _more_than(bench: Any, count: int) -> bool:
    return await bench.held() > count


async def _is(count: Any, wanted: int) -> bool:
    return await count() == wanted


async def test_a_worker_that_stood_still_pays_for_nothing_once_its_command_is_anothers(bench: Any) -> None:
    runs, paid_by = [], []

    async def stand_still_at_first(_inp: Any, ctx: Any) -> Any:
        runs.append(len(runs) + 1)
        number = len(runs)
        if number == 1:
            time.sleep(1.2 * bench.ack_wait)  # noqa: ASYNC251  the whole process stands still, as when it is paused

        async def pay() -> str:
            paid_by.append(number)
            return "answer"

        await ctx.checkpoint("call", str, pay)
        return Done(bench.outputs[StageId.COMPANY])

    async with bench.worker({StageId.COMPANY: stand_still_at_first}, slots=1):
        await bench.send(bench.command())
        (outcome,) = await bench.outcomes(seconds=6 * bench.ack_wait)
        await bench.until(lambda: _is(bench.left, 0))
    assert isinstance(outcome, StageDone)
    assert (runs, paid_by) == ([1, 2], [2])
