"""What a worker reports of a stage, whatever the stage does."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from contracts.payloads import INLINE_LIMIT, Inline, Stored
from contracts.results import StageDone, StageFail, StageRetry, Summary
from contracts.stages import CompanyOutput, StageId
from stage_workers import supervision
from stage_workers.errors import FetchFailed, Permanent, Transient
from stage_workers.outcome import Done, Fail, Retry

LARGE_TEXT = "energy " * INLINE_LIMIT


def raising(error: BaseException) -> Any:
    async def stage(_inp: Any, _ctx: Any) -> Any:
        raise error

    return stage


def returning(fate: Any) -> Any:
    async def stage(_inp: Any, _ctx: Any) -> Any:
        return fate

    return stage


async def outcome_of(bench: Any, stage: Any, **fields: Any) -> Any:
    """Run a stage once and return what is reported; nothing of the command may be left."""
    async with bench.worker({StageId.COMPANY: stage}):
        await bench.send(bench.command(**fields))
        (outcome,) = await bench.outcomes()
        await bench.until(lambda: _nothing_left(bench))
    return outcome


async def _nothing_left(bench: Any) -> bool:
    return await bench.left() == 0


async def test_a_stage_that_takes_too_long_is_cancelled_and_tried_again(bench: Any) -> None:
    stage = bench.stage()
    outcome = await outcome_of(bench, stage, timeout_seconds=0.3)
    assert outcome == StageRetry(code="stage_timeout", reason="not finished within 0.3 s")
    assert len(stage.cancelled) == 1


@pytest.mark.parametrize("hours", [-1000, 1000])
async def test_a_worker_s_clock_decides_nothing(bench: Any, hours: int) -> None:
    """A deadline that has long passed by this clock: the command was sent, so by the orchestrator's it has not."""
    stage = bench.stage(opened=True)
    deadline = datetime.now(UTC) + timedelta(hours=hours)  # noqa: TID251  tests live in real time
    outcome = await outcome_of(bench, stage, deadline_at=deadline)
    assert isinstance(outcome, StageDone)


@pytest.mark.parametrize(
    ("stage", "code", "reason"),
    [
        (raising(ZeroDivisionError("by surprise")), "internal_error", "ZeroDivisionError: by surprise"),
        (raising(asyncio.CancelledError()), "internal_error", "cancelled from inside"),
        (raising(TimeoutError()), "internal_error", "TimeoutError"),
        (raising(Transient("busy", "come back", 7)), "busy", "come back"),
        (raising(ExceptionGroup("", [Transient("busy", "come back")])), "busy", "come back"),
        (
            raising(ExceptionGroup("", [Transient("a", "b"), KeyError("x")])),
            "internal_error",
            "ExceptionGroup",
        ),
        (raising(FetchFailed("http://a", "connect", "no answer", transient=True)), "connect", "no answer"),
        (returning(Retry("later", "later_please", 3)), "later_please", "later"),
        (returning(None), "internal_error", "returned a NoneType"),
        (returning({"name": "Firm"}), "internal_error", "returned a dict"),
        (returning(Done({"name": "Firm"})), "internal_error", "is a dict, not a CompanyOutput"),
        (returning(Retry("x" * 2_000_000)), "stage_error", "x" * 2000),
        (raising(Transient("busy", "x" * 2_000_000)), "busy", "x" * 2000),
    ],
)
async def test_what_another_attempt_may_cure_is_a_retry(
    bench: Any, stage: Any, code: str, reason: str
) -> None:
    outcome = await outcome_of(bench, stage)
    assert isinstance(outcome, StageRetry), outcome
    assert outcome.code == code
    assert reason in outcome.reason
    assert len(outcome.reason) <= 2000


@pytest.mark.parametrize(
    ("stage", "code"),
    [
        (returning(Fail("no_site", "there is none")), "no_site"),
        (returning(Fail("no_site", "x" * 2_000_000)), "no_site"),
        (raising(Permanent("refused", "never")), "refused"),
        (raising(FetchFailed("http://a", "http_404", "gone", transient=False)), "http_404"),
    ],
)
async def test_what_would_end_the_same_way_again_is_a_failure(bench: Any, stage: Any, code: str) -> None:
    outcome = await outcome_of(bench, stage)
    assert isinstance(outcome, StageFail), outcome
    assert outcome.code == code
    assert 0 < len(outcome.reason) <= 2000


async def test_a_result_that_no_message_can_hold_is_a_failure_and_not_tried_for_ever(bench: Any) -> None:
    summary = Summary(headline="x" * 1_100_000, slug="x", word_count=1, aeo_score=1.0)
    outcome = await outcome_of(bench, returning(Done(bench.outputs[StageId.COMPANY], summary=summary)))
    assert isinstance(outcome, StageFail)
    assert outcome.code == "output_too_large"


async def test_the_time_that_another_side_asked_for_is_passed_on(bench: Any) -> None:
    outcome = await outcome_of(bench, raising(Transient("busy", "come back", 7)))
    assert outcome.after_seconds == 7


async def test_an_input_that_does_not_fit_the_stage_is_a_failure_that_says_what(bench: Any) -> None:
    stage = bench.stage(opened=True)
    outcome = await outcome_of(bench, stage, inputs={"request": bench.inline({"company_url": "x"})})
    assert isinstance(outcome, StageFail)
    assert outcome.code == "invalid_stage_input"
    assert "$.request" in outcome.reason
    assert stage.runs == []


async def test_a_stage_that_blocks_the_process_delays_the_others_and_runs_once(bench: Any) -> None:
    runs = []

    async def block(inp: Any, _ctx: Any) -> Any:
        runs.append(inp)
        if len(runs) == 1:
            time.sleep(2.5 * bench.ack_wait)  # noqa: ASYNC251  what it is about
        return Done(bench.outputs[StageId.COMPANY])

    async with bench.worker({StageId.COMPANY: block}, slots=2):
        await bench.send(bench.command(), bench.command())
        outcomes = await bench.outcomes(2, seconds=20)
        await bench.until(lambda: _nothing_left(bench))
    assert all(isinstance(outcome, StageDone) for outcome in outcomes)
    assert len(runs) == 2


async def test_a_stage_that_ignores_cancellation_is_left_behind(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervision, "CANCEL_SECONDS", (0.2, 0.2))
    enough, stage = asyncio.Event(), bench.stage(opened=True)

    async def stubborn(inp: Any, ctx: Any) -> Any:
        if stage.runs:
            return await stage(inp, ctx)
        stage.runs.append((inp, ctx))
        while not enough.is_set():
            try:
                await enough.wait()
            except asyncio.CancelledError:
                continue
        return Done(bench.outputs[StageId.COMPANY])

    async with bench.worker({StageId.COMPANY: stubborn}, slots=1):
        await bench.send(bench.command(timeout_seconds=0.3), bench.command())
        first, second = await bench.outcomes(2, seconds=5)
        enough.set()
        await bench.until(lambda: not supervision._abandoned)
    assert first.code == "stage_timeout"
    assert isinstance(second, StageDone)


async def test_draining_ends_though_a_stage_ignores_cancellation(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervision, "CANCEL_SECONDS", (0.2, 0.2))
    enough, started = asyncio.Event(), asyncio.Event()

    async def stubborn(_inp: Any, _ctx: Any) -> Any:
        started.set()
        while not enough.is_set():
            try:
                await enough.wait()
            except asyncio.CancelledError:
                continue

    async with bench.worker({StageId.COMPANY: stubborn}, ack_wait=30) as worker:
        await bench.send(bench.command())
        await started.wait()
        async with asyncio.timeout(3):
            await worker.stop(0.1)
    async with bench.worker({StageId.COMPANY: bench.stage(opened=True)}, ack_wait=30):
        await bench.outcomes(seconds=5)
    enough.set()
    await bench.until(lambda: not supervision._abandoned)


async def test_cancelling_stops_the_stage_and_publishes_nothing(bench: Any) -> None:
    stage, other, command = bench.stage(), bench.stage(), bench.command()
    registry = {StageId.COMPANY: stage, StageId.BRIEF: other}
    async with bench.worker(registry) as worker:
        await bench.send(command, bench.command(), bench.command(StageId.BRIEF, job_id=command.job_id))
        await bench.until(lambda: (stage.running, other.running) == (2, 1))
        asked = time.monotonic()
        worker.runner.cancel(command.job_id)
        await bench.until(lambda: len(stage.cancelled + other.cancelled) == 2)
        assert stage.cancelled[0] - asked < 1
        await bench.until(lambda: _left(bench, 1))
        assert stage.running == 1, "another job's stage was stopped too"
        assert worker.runner._running.keys() != {command.job_id}
        stage.gate.set()
        await bench.outcomes()
        await bench.until(lambda: _nothing_left(bench))
        assert [result.job_id == command.job_id for result in await bench.results()] == [False]


@pytest.mark.parametrize("answer", ["result", "error"])
async def test_a_cancelled_stage_has_no_result_whatever_it_comes_to(bench: Any, answer: str) -> None:
    started, cleaned, command = asyncio.Event(), [], bench.command()

    async def stage(_inp: Any, _ctx: Any) -> Any:
        try:
            started.set()
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0.05)
            cleaned.append(1)
            if answer == "error":
                raise ZeroDivisionError from None
            return Done(bench.outputs[StageId.COMPANY])

    async with bench.worker({StageId.COMPANY: stage}) as worker:
        await bench.send(command)
        await started.wait()
        worker.runner.cancel(command.job_id)
        await bench.until(lambda: _nothing_left(bench))
    assert cleaned == [1]
    assert await bench.results() == []


async def test_cancelling_an_unknown_job_is_nothing(bench: Any) -> None:
    stage = bench.stage()
    async with bench.worker({StageId.COMPANY: stage}) as worker:
        await bench.send(bench.command())
        await bench.until(lambda: stage.running == 1)
        worker.runner.cancel(bench.command().job_id)
        stage.gate.set()
        assert isinstance((await bench.outcomes())[0], StageDone)


async def test_a_large_output_goes_through_the_store_to_the_next_stage_unchanged(bench: Any) -> None:
    large = CompanyOutput(name="Firm", url="http://x", language="en", country="GB", description=LARGE_TEXT)
    brief = bench.stage(opened=True)
    async with bench.worker({StageId.COMPANY: returning(Done(large)), StageId.BRIEF: brief}):
        await bench.send(bench.command())
        (outcome,) = await bench.outcomes()
        assert isinstance(outcome.output, Stored)
        inputs = {**bench.command(StageId.BRIEF).inputs, "company": outcome.output}
        await bench.send(bench.command(StageId.BRIEF, inputs=inputs))
        await bench.outcomes(2)
    assert brief.runs[0][0].company == large


async def test_a_small_output_stays_in_the_message(bench: Any) -> None:
    outcome = await outcome_of(bench, bench.stage(opened=True))
    assert isinstance(outcome.output, Inline)


@pytest.mark.parametrize(
    ("found", "code", "kind"),
    [
        (b"other bytes", "stored_input_changed", StageFail),
        (None, "stored_input_missing", StageFail),
        ("in the way", "store_unavailable", StageRetry),
    ],
)
async def test_a_stored_input_that_is_not_there_as_it_was_is_told_plainly(
    bench: Any, found: Any, code: str, kind: type[Any]
) -> None:
    stage, inputs = bench.stage(opened=True), {"request": Stored(key="a/b.json", sha256="0" * 64, size=1)}
    if isinstance(found, bytes):
        await bench.objects.put("a/b.json", found, "application/json")
    elif found is not None:
        (bench.folder / "a").write_text("a file where the folder should be")
    outcome = await outcome_of(bench, stage, inputs=inputs)
    assert isinstance(outcome, kind), outcome
    assert outcome.code == code
    assert "a/b.json" in outcome.reason
    assert stage.runs == []


async def test_a_store_that_takes_nothing_is_a_retry(bench: Any) -> None:
    large = CompanyOutput(name="Firm", url="http://x", language="en", country="GB", description=LARGE_TEXT)
    command = bench.command()
    Path(bench.folder, command.job_id).write_text("a file where the folder should be")  # noqa: ASYNC240  as above
    async with bench.worker({StageId.COMPANY: returning(Done(large))}):
        await bench.send(command)
        (outcome,) = await bench.outcomes()
    assert isinstance(outcome, StageRetry)
    assert outcome.code == "store_unavailable"


async def _left(bench: Any, count: int) -> bool:
    return await bench.left() == count
