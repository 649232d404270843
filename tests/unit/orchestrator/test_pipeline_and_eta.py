"""The pipeline's table, what is read off it, and the estimate."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from contracts.ids import JobId
from contracts.jobs import JobState
from contracts.results import StageRetry
from contracts.stages import TOTAL_STAGES, StageId, reads
from orchestrator.eta import remaining_seconds
from orchestrator.job import Job, StageRecord, StageStatus
from orchestrator.pipeline import (
    PIPELINES,
    current_stage,
    done,
    progress_percent,
    ready,
    round_stages,
    stages_completed,
    wake_at,
)

PIPELINE = PIPELINES[1]
TYPICAL = {stage: spec.typical_seconds for stage, spec in PIPELINE.items()}
EVERY = dict.fromkeys(StageId, 1.0)
NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
RUNNING = Job(
    job_id=JobId("j"), tenant="t", state=JobState.RUNNING, priority=2, primary_keyword="k", max_duration_minutes=30,
    created_at=NOW, queued_at=NOW, pipeline_version=1, deadline_at=NOW + timedelta(minutes=30),
)  # fmt: skip

durations = st.fixed_dictionaries({stage: st.floats(0, 1000) for stage in StageId})


def needs(stage: StageId) -> frozenset[StageId]:
    """Return all stages that must be done before ``stage``."""
    direct = PIPELINE[stage].needs
    return frozenset(direct).union(*map(needs, direct))


def test_every_stage_can_run_once_its_needs_are_done_and_reads_nothing_else() -> None:
    assert list(PIPELINE) == list(StageId)
    for stage in StageId:
        assert all(need < stage for need in PIPELINE[stage].needs)
        assert set(reads(stage)) <= needs(stage)


def test_a_round_is_everything_from_the_draft_to_the_gate() -> None:
    assert needs(StageId.QUALITY) >= round_stages(1) - {StageId.QUALITY}
    assert all(StageId.DRAFT in needs(stage) for stage in round_stages(1) - {StageId.DRAFT})


@given(st.sets(st.sampled_from(StageId)), st.sets(st.sampled_from(StageId)))
def test_ready_is_what_has_not_started_and_has_all_it_needs(
    finished: set[StageId], started: set[StageId]
) -> None:
    made = StageRecord(status=StageStatus.DONE, run=1, round=1, attempt=1, started_at=NOW)
    stages = dict.fromkeys(finished, made) | {
        stage: msgspec.structs.replace(made, status=status)
        for stage, status in zip(started - finished, 5 * list(StageStatus), strict=False)
        if status is not StageStatus.DONE
    }
    found = ready(msgspec.structs.replace(RUNNING, stages=stages))
    assert list(found) == sorted(found)
    assert done(stages) == finished
    for stage in StageId:
        able = stage not in stages and set(PIPELINE[stage].needs) <= finished
        assert (stage in found) is able


def test_the_current_stage_is_the_lowest_that_has_started_and_is_not_done(
    world: Any, success: Callable[..., Any]
) -> None:
    world.work_until(StageId.FAQ)
    assert current_stage(world.job) is StageId.CITATIONS
    world.answer(world.command(StageId.CITATIONS), success(StageId.CITATIONS))
    world.answer(world.command(StageId.INTERNAL_LINKS), StageRetry(reason="busy", after_seconds=1))
    assert current_stage(world.job) is StageId.INTERNAL_LINKS
    assert stages_completed(world.job) == 5
    assert progress_percent(world.job) == 500 // 13
    world.cancel()
    assert current_stage(world.job) is None


def test_a_job_is_looked_at_when_its_first_retry_is_due_or_at_its_deadline(world: Any) -> None:
    assert wake_at(world.job) == world.job.deadline_at
    world.work_until(StageId.FAQ)
    world.answer(world.command(StageId.FAQ), StageRetry(reason="busy", after_seconds=20))
    world.answer(world.command(StageId.IMAGES), StageRetry(reason="busy", after_seconds=10))
    assert wake_at(world.job) == world.now + timedelta(seconds=10)
    world.cancel()
    assert wake_at(world.job) is None


def test_a_new_job_takes_the_longest_path_not_the_sum(world: Any) -> None:
    expected = 10 + 5 + 60 + 30 + 10 + 2 + 3 + 3
    assert remaining_seconds(world.job, {}, world.now) == expected
    assert remaining_seconds(world.job, TYPICAL, world.now) == expected
    assert remaining_seconds(world.job, EVERY, world.now) == 8
    assert remaining_seconds(world.job, {**EVERY, StageId.FAQ: 40.0}, world.now) == 47


def test_a_running_stage_counts_what_its_usual_duration_leaves(world: Any) -> None:
    world.wait(4)
    assert remaining_seconds(world.job, TYPICAL, world.now) == 123 - 4
    world.wait(96)
    assert remaining_seconds(world.job, TYPICAL, world.now) == 123 - 10, "a late stage counts nothing"


def test_a_waiting_stage_counts_its_wait_and_all_of_its_duration(world: Any) -> None:
    world.answer(world.sent[0], StageRetry(reason="busy", after_seconds=50))
    world.wait(20)
    assert remaining_seconds(world.job, TYPICAL, world.now) == 30 + 123


def test_a_job_that_does_not_run_has_nothing_left(world: Any, new_world: Callable[[], Any]) -> None:
    world.cancel()
    assert remaining_seconds(world.job, TYPICAL, world.now) == 0
    pending = new_world()
    pending.submit()
    assert remaining_seconds(pending.job, TYPICAL, pending.now) == 0


def test_the_estimate_never_grows_as_stages_get_done(world: Any, success: Callable[..., Any]) -> None:
    left = remaining_seconds(world.job, TYPICAL, world.now)
    for _ in range(TOTAL_STAGES):
        [command, *_] = world.running()
        world.answer(command, success(command.stage))
        now_left = remaining_seconds(world.job, TYPICAL, world.now)
        assert 0 <= now_left <= left
        left = now_left
    assert world.job.state is JobState.COMPLETED
    assert left == 0


@given(durations)
def test_the_estimate_lies_between_the_longest_stage_and_the_sum(seconds: dict[StageId, float]) -> None:
    left = remaining_seconds(RUNNING, seconds, NOW)
    assert max(seconds.values()) <= left <= sum(seconds.values()) + 1e-6


@given(durations, st.sampled_from(StageId), st.floats(0, 500))
def test_a_slower_stage_never_makes_a_job_end_earlier(
    seconds: dict[StageId, float], stage: StageId, more: float
) -> None:
    slower = {**seconds, stage: seconds[stage] + more}
    assert remaining_seconds(RUNNING, slower, NOW) >= remaining_seconds(RUNNING, seconds, NOW)
