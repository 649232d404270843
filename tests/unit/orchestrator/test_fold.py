"""Batches: what several inputs come to, and that one of them never harms another."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.commands import CancelJob, RetryJob, SubmitJob
from contracts.ids import JobId
from contracts.jobs import ArticleRequest, JobState
from contracts.payloads import Inline
from contracts.results import StageDone, StageFail, StageResult
from contracts.stages import StageId
from orchestrator import fold as folding
from orchestrator.fold import Folded, Happening, Refused, fold, wanted
from orchestrator.job import Admit, Emit, Ignored, Input, Job, SendStage, Transition, WakeUp

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
IDS = [JobId(f"job-{number}") for number in range(3)]
REQUEST = ArticleRequest(primary_keyword="heat", company_url="http://127.0.0.1:1")
OUTPUT = Inline(msgspec.Raw(b"{}"))


def submit(job_id: JobId) -> SubmitJob:
    return SubmitJob(job_id=job_id, tenant="t", request=REQUEST, submitted_at=NOW)


def company(job_id: JobId, outcome: StageDone | StageFail, run: int = 1) -> StageResult:
    return StageResult(
        job_id=job_id, stage=StageId.COMPANY, run=run, round=1, attempt=1, outcome=outcome,
        started_at=NOW, finished_at=NOW,
    )  # fmt: skip


def inputs(job_id: JobId) -> list[Input]:
    return [
        submit(job_id),
        Admit(),
        WakeUp(),
        company(job_id, StageDone(output=OUTPUT)),
        company(job_id, StageFail(code="c", reason="r")),
        company(job_id, StageDone(output=OUTPUT), run=2),
        CancelJob(job_id=job_id, tenant="t", requested_at=NOW),
        RetryJob(job_id=job_id, tenant="t", requested_at=NOW),
    ]


happenings = st.sampled_from(IDS).flatmap(
    lambda job_id: st.tuples(st.just(job_id), st.sampled_from(inputs(job_id)))
)
batches = st.lists(happenings, max_size=20)


def one_by_one(batch: list[Happening]) -> tuple[dict[JobId, Job], list[Any], list[Any]]:
    rows: dict[JobId, Job] = {}
    effects: list[Any] = []
    verdicts: list[Any] = []
    for happening in batch:
        folded = fold(rows, [happening], NOW)
        rows.update(folded.jobs)
        effects += folded.effects
        verdicts += folded.verdicts
    return rows, effects, verdicts


@given(batches)
def test_a_batch_comes_to_the_same_as_its_inputs_one_by_one(batch: list[Happening]) -> None:
    folded = fold({}, batch, NOW)
    assert (folded.jobs, folded.effects, folded.verdicts) == one_by_one(batch)


@given(batches, st.integers(0, 20))
def test_where_a_batch_is_cut_makes_no_difference(batch: list[Happening], cut: int) -> None:
    first = fold({}, batch[:cut], NOW)
    second = fold(first.jobs, batch[cut:], NOW)
    whole = fold({}, batch, NOW)
    assert {**first.jobs, **second.jobs} == whole.jobs
    assert first.effects + second.effects == whole.effects
    assert {**first.requests, **second.requests} == whole.requests


@given(batches)
def test_only_jobs_that_changed_are_written_and_their_events_have_no_gaps(batch: list[Happening]) -> None:
    folded = fold({}, batch, NOW)
    changed = {
        job_id
        for (job_id, _), verdict in zip(batch, folded.verdicts, strict=True)
        if isinstance(verdict, Transition)
    }
    assert set(folded.jobs) == changed
    assert len(folded.verdicts) == len(batch)
    for job_id in changed:
        numbers = [
            effect.event.seq
            for owner, effect in folded.effects
            if owner == job_id and isinstance(effect, Emit)
        ]
        assert numbers == list(range(1, folded.jobs[job_id].seq + 1))


def test_an_ignored_input_writes_nothing() -> None:
    job = fold({}, [(IDS[0], submit(IDS[0]))], NOW).jobs[IDS[0]]
    folded = fold({IDS[0]: job}, [(IDS[0], submit(IDS[0])), (IDS[1], Admit())], NOW)
    assert folded == Folded({}, [], {}, [Ignored("duplicate"), Ignored("unknown_job")])


def test_a_bug_is_kept_to_the_input_that_met_it(monkeypatch: pytest.MonkeyPatch) -> None:
    decide: Callable[..., Any] = folding.decide

    def broken(job: Job | None, happened: Input, now: datetime) -> Any:
        if isinstance(happened, WakeUp):
            raise KeyError("stage_99")
        return decide(job, happened, now)

    monkeypatch.setattr(folding, "decide", broken)
    batch: list[Happening] = [(IDS[0], submit(IDS[0])), (IDS[0], WakeUp()), (IDS[0], Admit())]
    folded = fold({}, batch, NOW)
    assert folded.verdicts[1] == Refused("KeyError: 'stage_99'")
    assert folded.jobs[IDS[0]].state is JobState.RUNNING


def sends(folded: Folded) -> list[tuple[SendStage, bool]]:
    return [
        (effect, wanted(folded.jobs[job_id], effect))
        for job_id, effect in folded.effects
        if isinstance(effect, SendStage)
    ]


def test_commands_that_the_same_batch_made_moot_are_not_wanted() -> None:
    steps: list[Input] = [
        submit(IDS[0]),
        Admit(),
        company(IDS[0], StageFail(code="c", reason="r")),
        RetryJob(job_id=IDS[0], tenant="t", requested_at=NOW),
        Admit(),
        company(IDS[0], StageDone(output=OUTPUT), run=2),
    ]
    batch = [(IDS[0], step) for step in steps]
    told = [(send.stage, send.run, wanted) for send, wanted in sends(fold({}, batch, NOW))]
    assert told == [(StageId.COMPANY, 1, False), (StageId.COMPANY, 2, False), (StageId.BRIEF, 2, True)]
    assert [wanted for _, wanted in sends(fold({}, batch[:2], NOW))] == [True]
    assert [wanted for _, wanted in sends(fold({}, batch[:3], NOW))] == [False], "it has failed"
    assert [wanted for _, wanted in sends(fold({}, batch[:4], NOW))] == [False], "it waits for a slot"
    assert [wanted for _, wanted in sends(fold({}, batch[:5], NOW))] == [False, True]
    cancelled = [*batch[:2], (IDS[0], CancelJob(job_id=IDS[0], tenant="t", requested_at=NOW))]
    assert [wanted for _, wanted in sends(fold({}, cancelled, NOW))] == [False]
