"""The job state machine: ``decide(job, input, now) -> Transition | Ignored``.

Everything that changes a job's state is decided in this file, and nothing here knows a clock, a database or a broker.
The shell (:mod:`orchestrator.store`) locks the job's row, calls ``decide``, and does what it is told in the same
transaction.

Three facts keep it correct on a network that repeats, reorders and loses:

1. *The row decides.* An input that does not fit the row's state is a value, ``Ignored``, not an error. Every stage
   command carries run, round and attempt; a result that does not carry the current ones changes nothing. So a message
   may come twice, late, or after a cancellation.
2. *Nothing is only in flight.* A started stage has a record that says it runs or when it is due. A crash at any point
   leaves a row from which the command can be sent again (:class:`CommandLost`, redelivery), never a job that waits for
   nothing.
3. *An attempt counts once.* Sending a lost command again burns no attempt; a failed attempt does, until the
   pipeline's attempts are used up and the job fails with everything that was produced kept.

``run`` counts starts by a client (1, then one more for each retry), ``round`` counts drafts, ``attempt`` counts tries
of one stage in one round of one run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from contracts.articles import RoundReport
from contracts.commands import CancelJob, RetryJob, SubmitJob
from contracts.events import (
    Cancelled,
    Completed,
    QualityRejected,
    StageCompleted,
    StageRetrying,
    Started,
    Submitted,
)
from contracts.jobs import JobState
from contracts.payloads import Inline
from contracts.results import StageDone, StageFail, StageResult, StageRetry, Verdict
from contracts.stages import StageId
from orchestrator.job import (
    Admit,
    CommandLost,
    Ignored,
    Input,
    Job,
    SaveOutput,
    SaveResult,
    SetLimit,
    StageStatus,
    Transition,
    WakeUp,
)
from orchestrator.pipeline import (
    MAX_ROUNDS,
    latest_version,
    pipeline,
    progress_percent,
    round_stages,
    stages_completed,
)
from orchestrator.step import Step, close, command, duration, end, fail, replace, send, start_ready

LONGEST_DELAY_SECONDS = 900.0
"""Bound on a wait that a stage asks for."""
JITTER = 0.2
"""Share by which a delay varies, so that jobs that failed together do not come back together."""

STATES: Mapping[JobState | None, Mapping[type[Any], frozenset[JobState]]] = {
    None: {SubmitJob: frozenset({JobState.PENDING})},
    JobState.PENDING: {Admit: frozenset({JobState.RUNNING}), CancelJob: frozenset({JobState.CANCELLED})},
    JobState.RUNNING: {
        StageResult: frozenset({JobState.RUNNING, JobState.COMPLETED, JobState.FAILED}),
        WakeUp: frozenset({JobState.RUNNING, JobState.FAILED}),
        CommandLost: frozenset({JobState.RUNNING}),
        CancelJob: frozenset({JobState.CANCELLED}),
    },
    JobState.COMPLETED: {},
    JobState.FAILED: {RetryJob: frozenset({JobState.PENDING})},
    JobState.CANCELLED: {},
}
"""Which inputs each state takes, and where they may lead. Everything else is ignored."""


def decide(job: Job | None, happened: Input, now: datetime) -> Transition | Ignored:
    """Return what ``happened`` makes of ``job`` (None: unknown), or why it changes nothing."""
    if job is not None and isinstance(happened, CancelJob | RetryJob) and happened.tenant != job.tenant:
        return Ignored("other_tenant")
    if type(happened) not in STATES[job.state if job is not None else None]:
        return Ignored(_refusal(job, happened))
    if job is None:
        assert isinstance(happened, SubmitJob)  # noqa: S101  the table says so
        return _submit(happened, now)
    return _HANDLERS[type(happened)](job, happened, now)


def _refusal(job: Job | None, happened: Input) -> str:
    if job is None:
        return "unknown_job"
    if isinstance(happened, SubmitJob):
        return "duplicate"
    if isinstance(happened, RetryJob):
        return "not_failed"
    if isinstance(happened, CancelJob):
        return f"already_{job.state}"
    return f"not_{'pending' if isinstance(happened, Admit) else 'running'}"


# Commands.


def _submit(submit: SubmitJob, now: datetime) -> Transition:
    request = submit.request
    job = Job(
        job_id=submit.job_id,
        tenant=submit.tenant,
        batch_id=request.batch_id,
        state=JobState.PENDING,
        priority=request.priority,
        primary_keyword=request.primary_keyword,
        max_duration_minutes=request.max_duration_minutes,
        created_at=submit.submitted_at,
        queued_at=submit.submitted_at,
        pipeline_version=latest_version(),
    )
    step = Step(job, now)
    if request.max_cost_usd is not None:
        step.add(SetLimit(request.max_cost_usd))
    step.emit(Submitted, primary_keyword=job.primary_keyword, priority=job.priority)
    return step.transition()


def _cancel(job: Job, cancel: CancelJob, now: datetime) -> Transition:
    step = Step(job, now)
    end(step, JobState.CANCELLED)
    step.emit(Cancelled, reason=cancel.reason, duration_seconds=duration(step.job))
    return step.transition()


def _retry_job(job: Job, retry: RetryJob, now: datetime) -> Transition | Ignored:
    """Go back into the queue; what is done stays done, the rest starts anew."""
    if retry.run is not None and retry.run != job.run:
        return Ignored("stale_run")
    step = Step(job, now)
    if retry.max_cost_usd is not None:
        step.add(SetLimit(retry.max_cost_usd))
    step.change(
        state=JobState.PENDING,
        run=job.run + 1,
        queued_at=now,
        stages={stage: record for stage, record in job.stages.items() if record.status is StageStatus.DONE},
        deadline_at=None,
        finished_at=None,
        error=None,
        error_code=None,
        error_stage=None,
    )
    step.emit(Submitted, primary_keyword=job.primary_keyword, priority=job.priority, run=job.run + 1)
    return step.transition()


# Time and the reconciler.


def _admit(job: Job, _admit: Admit, now: datetime) -> Transition:
    step = Step(job, now)
    deadline = now + timedelta(minutes=job.max_duration_minutes)
    step.change(
        state=JobState.RUNNING, started_at=job.started_at or now, admitted_at=now, deadline_at=deadline
    )
    step.emit(Started, run=job.run, deadline_at=deadline)
    start_ready(step)
    return step.transition()


def _wake_up(job: Job, _wake_up: WakeUp, now: datetime) -> Transition | Ignored:
    step = Step(job, now)
    if _out_of_time(step):
        return step.transition()
    for stage, record in job.stages.items():
        if record.status is StageStatus.WAITING and record.due_at is not None and record.due_at <= now:
            send(step, stage, record.attempt + 1)
    return step.transition() if step.effects else Ignored("nothing_due")


def _out_of_time(step: Step) -> bool:
    """Fail a job whose deadline has come; return whether it had."""
    job = step.job
    if job.deadline_at is None or job.deadline_at > step.now:
        return False
    fail(step, "deadline_exceeded", f"not finished within {job.max_duration_minutes} minutes", None)
    return True


def _command_lost(job: Job, lost: CommandLost, now: datetime) -> Transition | Ignored:
    stale = _stale(job, lost)
    if stale is not None:
        return stale
    step = Step(job, now)
    step.add(command(step, lost.stage, job.stages[lost.stage], repeated=True))
    return step.transition()


# Stage results.


def _stage_result(job: Job, result: StageResult, now: datetime) -> Transition | Ignored:
    stale = _stale(job, result)
    if stale is not None:
        return stale
    step = Step(job, now)
    match result.outcome:
        case StageDone() as outcome:
            _done(step, result, outcome)
        case StageRetry() as outcome:
            _try_again(step, result, outcome)
        case StageFail() as outcome:
            close(step, result, "failed", outcome.code, outcome.reason)
            fail(step, outcome.code, outcome.reason, result.stage)
    return step.transition()


def _stale(job: Job, message: StageResult | CommandLost) -> Ignored | None:
    """Say why a message does not speak of the attempt that runs now; None when it does."""
    record = job.stages.get(message.stage)
    if message.run != job.run:
        return Ignored("stale_run")
    if record is None or record.status is not StageStatus.RUNNING:
        return Ignored("stage_not_running")
    if message.round != record.round:
        return Ignored("stale_round")
    if message.attempt != record.attempt:
        return Ignored("stale_attempt")
    return None


def _done(step: Step, result: StageResult, outcome: StageDone) -> None:
    missing = _missing(result.stage, outcome)
    if missing is not None:
        code, reason = f"missing_{missing}", f"the {result.stage.field} stage reported no {missing}"
        close(step, result, "failed", code, reason)
        fail(step, code, reason, result.stage)
        return
    record = step.job.stages[result.stage]
    step.record(result.stage, replace(record, status=StageStatus.DONE, finished_at=step.now))
    step.add(SaveOutput(stage=result.stage, round=record.round, output=outcome.output))
    close(step, result, "done")
    step.emit(
        StageCompleted,
        stage=result.stage,
        name=result.stage.field,
        round=record.round,
        attempt=record.attempt,
        duration_seconds=max(0.0, (step.now - record.started_at).total_seconds()),
        stages_completed=stages_completed(step.job),
        progress_percent=progress_percent(step.job),
    )
    if outcome.verdict is not None and result.stage is StageId.QUALITY:
        _judge(step, outcome.verdict)
    if outcome.summary is not None and result.stage is StageId.PUBLISH:
        _complete(step, outcome)
    else:
        start_ready(step)


def _missing(stage: StageId, outcome: StageDone) -> str | None:
    """Name what a steering stage should have reported and did not."""
    if stage is StageId.QUALITY and outcome.verdict is None:
        return "verdict"
    if stage is StageId.PUBLISH and outcome.summary is None:
        return "summary"
    if stage is StageId.PUBLISH and not isinstance(outcome.output, Inline):
        return "result"
    return None


def _judge(step: Step, verdict: Verdict) -> None:
    """Take the gate's word: go on, start another round, or go on with the best there was."""
    job = step.job
    report = RoundReport(
        round=job.round,
        score=verdict.score,
        passed=verdict.passed,
        findings=verdict.findings,
        changes=verdict.changes,
    )
    rounds = (*job.rounds, report)
    again = round_stages(job.pipeline_version)
    if verdict.passed:
        step.change(rounds=_choose(rounds, report))
        return
    if job.round < MAX_ROUNDS:
        kept = {stage: record for stage, record in job.stages.items() if stage not in again}
        step.change(rounds=rounds, round=job.round + 1, stages=kept)
    else:
        best = max(rounds, key=_merit)
        chosen = {
            stage: replace(record, round=best.round) if stage in again else record
            for stage, record in job.stages.items()
        }
        step.change(rounds=_choose(rounds, best), stages=chosen)
    step.emit(
        QualityRejected,
        round=report.round,
        score=report.score,
        findings=report.findings,
        next_round=step.job.round if step.job.round > report.round else None,
    )


def _merit(report: RoundReport) -> tuple[float, int, int]:
    """Order refused rounds: score, then fewer critical findings, then the later one."""
    return report.score, -sum(finding.critical for finding in report.findings), report.round


def _choose(rounds: tuple[RoundReport, ...], chosen: RoundReport) -> tuple[RoundReport, ...]:
    return tuple(replace(report, chosen=report is chosen) for report in rounds)


def _complete(step: Step, outcome: StageDone) -> None:
    summary = outcome.summary
    assert summary is not None  # noqa: S101  checked by the caller
    step.change(state=JobState.COMPLETED, finished_at=step.now, deadline_at=None, summary=summary)
    step.add(SaveResult(outcome.output))
    chosen = next((report for report in step.job.rounds if report.chosen), None)
    step.emit(
        Completed,
        headline=summary.headline,
        slug=summary.slug,
        word_count=summary.word_count,
        quality_score=summary.aeo_score,
        quality_passed=chosen is not None and chosen.passed,
        duration_seconds=duration(step.job) or 0.0,
    )


def _try_again(step: Step, result: StageResult, outcome: StageRetry) -> None:
    if _out_of_time(step):  # a stage's time ends with its job's: whoever tells first, the word is the same
        return
    spec = pipeline(step.job)[result.stage]
    record = step.job.stages[result.stage]
    if record.attempt >= spec.attempts:
        close(step, result, "failed", outcome.code, outcome.reason)
        fail(step, outcome.code, f"{outcome.reason} (after {record.attempt} attempts)", result.stage)
        return
    delay = retry_delay(step.job, result, outcome.after_seconds)
    due = step.now + timedelta(seconds=delay)
    step.record(result.stage, replace(record, status=StageStatus.WAITING, due_at=due, finished_at=step.now))
    close(step, result, "retrying", outcome.code, outcome.reason)
    step.emit(
        StageRetrying,
        stage=result.stage,
        name=result.stage.field,
        round=record.round,
        attempt=record.attempt,
        code=outcome.code,
        reason=outcome.reason,
        delay_seconds=round(delay, 3),
    )


def retry_delay(job: Job, result: StageResult, asked: float | None) -> float:
    """Return seconds until the next attempt: what the stage asked for (bounded), or the table's delay ± 20 %."""
    if asked is not None:
        return min(max(asked, 0.0), LONGEST_DELAY_SECONDS)
    digest = hashlib.sha256(f"{job.job_id}/{result.stage}/{result.round}/{result.attempt}".encode()).digest()
    share = int.from_bytes(digest[:8]) / 2**64
    return pipeline(job)[result.stage].delays[result.attempt - 1] * (1 - JITTER + 2 * JITTER * share)


_HANDLERS: dict[type[Any], Callable[[Job, Any, datetime], Transition | Ignored]] = {
    Admit: _admit,
    CancelJob: _cancel,
    CommandLost: _command_lost,
    RetryJob: _retry_job,
    StageResult: _stage_result,
    WakeUp: _wake_up,
}
