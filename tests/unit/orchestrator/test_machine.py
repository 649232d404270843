"""What the machine decides, case by case."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from contracts.articles import Finding
from contracts.events import Completed, Failed, QualityRejected, StageRetrying, Submitted
from contracts.ids import JobId
from contracts.jobs import JobState
from contracts.payloads import Stored
from contracts.results import StageDone, StageFail, StageRetry
from contracts.stages import StageId
from orchestrator.job import CloseAttempt, Ignored, SaveOutput, StageStatus, StopStages, Transition
from orchestrator.machine import JITTER, LONGEST_DELAY_SECONDS, retry_delay
from orchestrator.pipeline import pipeline, round_stages, wake_at
from orchestrator.step import DEADLINE_GRACE_SECONDS

Success = Callable[..., StageDone]

MISSING = [
    (StageId.QUALITY, {"verdict": None}, "missing_verdict"),
    (StageId.PUBLISH, {"summary": None}, "missing_summary"),
    (StageId.PUBLISH, {"output": Stored(key="k", sha256="0" * 64, size=9)}, "missing_result"),
]


def seconds_until_due(world: Any) -> float:
    due = wake_at(world.known())
    assert due is not None
    return float((due - world.now).total_seconds())


def test_a_job_waits_until_it_is_admitted_and_then_starts_its_first_stage(
    new_world: Callable[[], Any],
) -> None:
    world = new_world()
    world.submit()
    assert world.job.state is JobState.PENDING
    assert world.sent == []
    world.wait(100)
    world.admit()
    assert [command.stage for command in world.sent] == [StageId.COMPANY]
    assert world.job.deadline_at == world.now + timedelta(minutes=30)


def test_six_stages_run_side_by_side_after_the_draft(world: Any, success: Success) -> None:
    world.work_until(StageId.DRAFT)
    world.answer(world.command(StageId.DRAFT), success(StageId.DRAFT))
    stages = [command.stage for command in world.running()]
    assert stages == sorted(round_stages(world.job.pipeline_version) - {StageId.DRAFT, StageId.QUALITY})


def test_the_deadline_fails_the_job_to_the_second(world: Any) -> None:
    world.wait(30 * 60 - 0.001)
    assert world.wake() == Ignored("nothing_due")
    world.wait(0.001)
    world.wake()
    assert world.job.error_code == "deadline_exceeded"
    assert "30 minutes" in world.job.error
    assert [(attempt.stage, attempt.status) for attempt in world.closed] == [(StageId.COMPANY, "abandoned")]
    assert world.events[-1] == Failed(
        job_id=world.job.job_id, seq=4, at=world.now, tenant="default", error=world.job.error,
        error_code="deadline_exceeded", stage=None, duration_seconds=1800,
    )  # fmt: skip


def test_the_deadline_also_ends_a_wait_that_is_longer(world: Any) -> None:
    world.wait(29 * 60)
    world.answer(world.command(StageId.COMPANY), StageRetry(reason="busy", after_seconds=600))
    assert seconds_until_due(world) == 60
    world.wait_until_due()
    world.wake()
    assert world.job.error_code == "deadline_exceeded"


def test_a_wake_up_starts_only_what_is_due(world: Any) -> None:
    world.work_until(StageId.FAQ)
    world.answer(world.command(StageId.FAQ), StageRetry(reason="busy", after_seconds=10))
    world.answer(world.command(StageId.IMAGES), StageRetry(reason="busy", after_seconds=20))
    world.wait(10)
    world.wake()
    assert (world.sent[-1].stage, world.sent[-1].attempt) == (StageId.FAQ, 2)
    assert world.job.stages[StageId.IMAGES].status is StageStatus.WAITING


def test_a_result_that_comes_after_the_deadline_but_before_anyone_looked_still_counts(
    world: Any, success: Success
) -> None:
    world.wait(30 * 60 + 5)
    assert isinstance(world.answer(world.sent[0], success(StageId.COMPANY)), Transition)


@pytest.mark.parametrize("attempt", [1, 3])
def test_at_the_deadline_a_timeout_and_a_wake_up_say_the_same(world: Any, attempt: int) -> None:
    """Also in the last attempt, where the timeout alone would fail the job under another code."""
    for _ in range(attempt - 1):
        world.answer(world.command(StageId.COMPANY), StageRetry(reason="busy"))
        world.wait_until_due()
        world.wake()
    world.now = world.job.deadline_at
    world.answer(world.command(StageId.COMPANY), StageRetry(reason="too long", code="stage_timeout"))
    assert (world.job.state, world.job.error_code) == (JobState.FAILED, "deadline_exceeded")
    assert world.closed[-1].status == "abandoned"


def test_an_attempt_has_no_more_time_than_its_job(world: Any) -> None:
    assert (
        world.command(StageId.COMPANY).timeout_seconds == pipeline(world.job)[StageId.COMPANY].timeout_seconds
    )
    world.wait(29 * 60)
    world.lose(world.command(StageId.COMPANY))
    assert world.sent[-1].timeout_seconds == 60 + DEADLINE_GRACE_SECONDS
    world.wait(3600)
    world.lose(world.command(StageId.COMPANY))
    assert world.sent[-1].timeout_seconds == DEADLINE_GRACE_SECONDS


def test_a_failed_attempt_is_repeated_after_the_delays_of_the_table_until_they_are_used_up(
    world: Any,
) -> None:
    spec = pipeline(world.job)[StageId.COMPANY]
    for number, delay in enumerate(spec.delays, 1):
        world.answer(world.command(StageId.COMPANY), StageRetry(reason="busy", code="http_503"))
        told = world.events[-1]
        assert isinstance(told, StageRetrying)
        assert (told.attempt, told.code) == (number, "http_503")
        assert told.delay_seconds == pytest.approx(seconds_until_due(world), abs=1e-3)
        assert (1 - JITTER) * delay <= seconds_until_due(world) <= (1 + JITTER) * delay
        world.wait_until_due()
        world.wake()
        assert world.sent[-1].attempt == number + 1
    world.answer(world.command(StageId.COMPANY), StageRetry(reason="busy", code="http_503"))
    assert (world.job.state, world.job.error_code) == (JobState.FAILED, "http_503")
    assert world.job.error == "busy (after 3 attempts)"
    assert world.job.error_stage is StageId.COMPANY
    assert [attempt.status for attempt in world.closed] == ["retrying", "retrying", "failed"]


@pytest.mark.parametrize(
    ("asked", "given"), [(0.0, 0.0), (-3.0, 0.0), (42.5, 42.5), (1e9, LONGEST_DELAY_SECONDS)]
)
def test_a_stage_may_ask_for_its_delay_within_bounds(world: Any, asked: float, given: float) -> None:
    world.answer(world.command(StageId.COMPANY), StageRetry(reason="busy", after_seconds=asked))
    assert seconds_until_due(world) == given


def test_delays_vary_between_jobs_and_are_the_same_for_the_same_attempt(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    results: list[Any] = []
    monkeypatch.setattr(world, "happen", results.append)
    world.answer(world.sent[0], StageRetry(reason="busy"))
    jobs = [msgspec.structs.replace(world.job, job_id=JobId(f"job-{number}")) for number in range(200)]
    delays = [retry_delay(job, results[0], None) for job in jobs]
    assert delays == [retry_delay(job, results[0], None) for job in jobs]
    table = pipeline(world.job)[StageId.COMPANY].delays[0]
    assert min(delays) < table * (1 - JITTER / 2)
    assert max(delays) > table * (1 + JITTER / 2)


def test_a_refused_round_starts_again_from_the_draft_with_the_findings_at_hand(
    world: Any, success: Success
) -> None:
    findings = (Finding(code="no_answer", message="the direct answer is missing", critical=True),)
    world.work_until(StageId.QUALITY)
    verdict = success(StageId.QUALITY, 60, passed=False, findings=findings)
    changes = ("took another answer",)
    verdict = msgspec.structs.replace(
        verdict, verdict=msgspec.structs.replace(verdict.verdict, changes=changes)
    )
    world.answer(world.command(StageId.QUALITY), verdict)
    assert world.job.rounds[0].changes == changes
    assert [(one.stage, one.round, one.attempt) for one in world.running()] == [(StageId.DRAFT, 2, 1)]
    assert world.command(StageId.DRAFT).reads == dict.fromkeys(
        (StageId.COMPANY, StageId.BRIEF, StageId.RESEARCH), 1
    )
    assert world.job.rounds[0].findings == findings
    rejected = next(event for event in world.events if isinstance(event, QualityRejected))
    assert (rejected.round, rejected.score, rejected.next_round) == (1, 60, 2)
    assert rejected.findings == findings


@pytest.mark.parametrize(
    ("scores", "criticals", "best"),
    [
        ((60, 72, 65), (0, 0, 0), 2),
        ((80, 72, 65), (1, 0, 0), 1),
        ((70, 70, 70), (2, 1, 3), 2),
        ((70, 70, 70), (0, 0, 0), 3),
    ],
)
def test_without_a_round_that_passes_the_best_goes_on(
    world: Any, success: Success, scores: tuple[int, ...], criticals: tuple[int, ...], best: int
) -> None:
    for score, critical in zip(scores, criticals, strict=True):
        findings = tuple(Finding(code="c", message="m", critical=True) for _ in range(critical))
        world.work_until(StageId.QUALITY)
        verdict = success(StageId.QUALITY, score, passed=False, findings=findings)
        world.answer(world.command(StageId.QUALITY), verdict)
    assert world.command(StageId.REVIEW).reads[StageId.QUALITY] == best
    world.work_until(StageId.PUBLISH)
    reads = world.command(StageId.PUBLISH).reads
    assert {reads[stage] for stage in reads if stage in round_stages(world.job.pipeline_version)} == {best}
    world.work_until(None)
    assert [report.round for report in world.job.rounds if report.chosen] == [best]
    assert isinstance(world.events[-1], Completed)
    assert not world.events[-1].quality_passed


def test_a_round_that_passes_goes_on_even_if_a_refused_one_had_a_higher_score(
    world: Any, success: Success
) -> None:
    world.work_until(StageId.QUALITY)
    world.answer(world.command(StageId.QUALITY), success(StageId.QUALITY, 95, passed=False))
    world.work_until(None, score=76)
    assert [report.round for report in world.job.rounds if report.chosen] == [2]
    assert world.events[-1].quality_passed
    assert (world.events[-1].quality_score, world.events[-1].headline) == (76, "H")


@pytest.mark.parametrize(("stage", "lacking", "code"), MISSING)
def test_a_steering_stage_that_reports_no_word_fails_the_job(
    world: Any, success: Success, stage: StageId, lacking: dict[str, Any], code: str
) -> None:
    world.work_until(stage)
    verdict = world.answer(world.command(stage), msgspec.structs.replace(success(stage), **lacking))
    assert (world.job.state, world.job.error_code, world.job.error_stage) == (JobState.FAILED, code, stage)
    assert not any(isinstance(effect, SaveOutput) for effect in verdict.effects)
    world.retry()
    world.admit()
    assert [command.stage for command in world.running()] == [stage]


def test_a_fatal_failure_stops_the_stages_beside_it(world: Any) -> None:
    world.work_until(StageId.FAQ)
    beside = {command.stage for command in world.running()} - {StageId.FAQ}
    verdict = world.answer(world.command(StageId.FAQ), StageFail(code="blocked", reason="no"))
    closed = {effect.stage: effect.status for effect in verdict.effects if isinstance(effect, CloseAttempt)}
    assert closed == {StageId.FAQ: "failed", **dict.fromkeys(beside, "abandoned")}
    assert any(isinstance(effect, StopStages) for effect in verdict.effects)
    assert beside


def test_a_retry_keeps_what_is_done_and_starts_the_rest_anew(world: Any, success: Success) -> None:
    world.work_until(StageId.FAQ)
    world.answer(world.command(StageId.CITATIONS), success(StageId.CITATIONS))
    world.answer(world.command(StageId.FAQ), StageFail(code="blocked", reason="no"))
    late = world.sent[-1]
    world.wait(3600)
    world.retry(run=1)
    assert (world.job.state, world.job.run, world.job.queued_at) == (JobState.PENDING, 2, world.now)
    assert (world.job.error, world.job.error_code, world.job.error_stage) == (None, None, None)
    assert isinstance(world.events[-1], Submitted)
    assert world.events[-1].run == 2
    world.admit()
    assert {command.stage for command in world.running()} == {
        StageId.INTERNAL_LINKS, StageId.TABLE_OF_CONTENTS, StageId.METADATA, StageId.FAQ, StageId.IMAGES,
    }  # fmt: skip
    assert {(command.run, command.round, command.attempt) for command in world.running()} == {(2, 1, 1)}
    assert world.job.deadline_at == world.now + timedelta(minutes=30)
    assert world.answer(late, success(late.stage)) == Ignored("stale_run")
    before = len(world.sent)
    world.work_until(None)
    assert world.job.state is JobState.COMPLETED
    assert [one.stage for one in world.sent[before:]] == [StageId.QUALITY, StageId.REVIEW, StageId.PUBLISH]


def test_a_second_copy_of_a_retry_does_not_restart_a_later_run(world: Any) -> None:
    world.answer(world.sent[0], StageFail(code="blocked", reason="no"))
    world.retry(run=1)
    world.admit()
    world.answer(world.sent[-1], StageFail(code="blocked", reason="no"))
    assert world.retry(run=1) == Ignored("stale_run")
    assert isinstance(world.retry(run=2), Transition)


def test_another_tenant_can_do_nothing_and_learns_nothing(world: Any) -> None:
    for state in (JobState.RUNNING, JobState.FAILED, JobState.PENDING, JobState.CANCELLED):
        assert world.job.state is state
        assert world.cancel("other") == world.retry("other") == Ignored("other_tenant")
        if state is JobState.RUNNING:
            world.answer(world.sent[0], StageFail(code="blocked", reason="no"))
        elif state is JobState.FAILED:
            world.retry()
        else:
            world.cancel()


def test_commands_for_a_job_that_is_not_known_are_ignored_as_that(new_world: Callable[[], Any]) -> None:
    world = new_world()
    assert world.cancel() == world.retry() == world.admit() == world.wake() == Ignored("unknown_job")


def test_a_lost_command_goes_out_again_as_the_same_attempt(world: Any, success: Success) -> None:
    first = world.sent[0]
    world.lose(first)
    again = world.sent[1]
    assert again == msgspec.structs.replace(first, repeated=True)
    assert world.events[-1].seq == 3, "nobody is told of it"
    world.answer(first, success(StageId.COMPANY))
    assert world.lose(again) == Ignored("stage_not_running")
    assert world.answer(again, success(StageId.COMPANY)) == Ignored("stage_not_running")


@pytest.mark.parametrize(
    ("part", "reason"), [("run", "stale_run"), ("round", "stale_round"), ("attempt", "stale_attempt")]
)
def test_a_result_counts_only_for_the_attempt_that_runs(
    world: Any, success: Success, part: str, reason: str
) -> None:
    for number in (0, 2):
        command = msgspec.structs.replace(world.sent[0], **{part: number})
        assert world.answer(command, success(StageId.COMPANY)) == Ignored(reason)
        assert world.lose(command) == Ignored(reason)


def test_a_waiting_stage_takes_no_result_and_no_loss(world: Any, success: Success) -> None:
    world.answer(world.sent[0], StageRetry(reason="busy"))
    assert world.job.stages[StageId.COMPANY].status is StageStatus.WAITING
    assert world.answer(world.sent[0], success(StageId.COMPANY)) == Ignored("stage_not_running")
    assert world.lose(world.sent[0]) == Ignored("stage_not_running")


def test_cancelling_before_the_start_has_no_duration(new_world: Callable[[], Any]) -> None:
    world = new_world()
    world.submit()
    world.cancel()
    assert (world.events[-1].reason, world.events[-1].duration_seconds) == ("enough", None)
    assert world.cancel() == Ignored("already_cancelled")
    assert world.sent == []
