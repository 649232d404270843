"""A transition in the making, and what several transitions do alike. The decisions are in the machine."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from contracts.events import Event, Failed, StageStarted
from contracts.jobs import JobState
from contracts.results import StageResult
from contracts.stages import StageId, reads
from orchestrator.job import (
    CloseAttempt,
    Effect,
    Emit,
    Job,
    SendStage,
    StageRecord,
    StageStatus,
    StopStages,
    Transition,
)
from orchestrator.pipeline import pipeline, ready

DEADLINE_GRACE_SECONDS = 2.0
"""By which the job's deadline comes before an attempt's own end: it is the deadline that is told then."""


class Step:
    """A transition in the making."""

    def __init__(self, job: Job, now: datetime) -> None:
        self.job = job
        self.now = now
        self.effects: list[Effect] = []

    def change(self, **fields: Any) -> None:
        self.job = replace(self.job, **fields)

    def record(self, stage: StageId, record: StageRecord) -> None:
        self.change(stages={**self.job.stages, stage: record})

    def emit(self, kind: type[Event], **fields: Any) -> None:
        self.change(seq=self.job.seq + 1)
        job = self.job
        base: dict[str, Any] = {
            "job_id": job.job_id,
            "seq": job.seq,
            "at": self.now,
            "tenant": job.tenant,
            "batch_id": job.batch_id,
        }
        self.effects.append(Emit(kind(**base, **fields)))

    def add(self, effect: Effect) -> None:
        self.effects.append(effect)

    def transition(self) -> Transition:
        return Transition(self.job, tuple(self.effects))


def replace(value: Any, **fields: Any) -> Any:
    return msgspec.structs.replace(value, **fields)


def start_ready(step: Step) -> None:
    for stage in ready(step.job):
        send(step, stage, 1)


def send(step: Step, stage: StageId, attempt: int) -> None:
    job = step.job
    record = StageRecord(
        status=StageStatus.RUNNING, run=job.run, round=job.round, attempt=attempt, started_at=step.now
    )
    step.record(stage, record)
    step.add(command(step, stage, record))
    step.emit(StageStarted, stage=stage, name=stage.field, round=job.round, attempt=attempt)


def command(step: Step, stage: StageId, record: StageRecord, *, repeated: bool = False) -> SendStage:
    """Return an attempt's command. The time it has is reckoned here, as seconds: a worker's clock may be wrong."""
    job = step.job
    assert job.deadline_at is not None  # noqa: S101  a running job has one
    left = (job.deadline_at - step.now).total_seconds()
    table = pipeline(job)
    return SendStage(
        stage=stage,
        run=job.run,
        round=record.round,
        attempt=record.attempt,
        timeout_seconds=min(table[stage].timeout_seconds, max(0.0, left) + DEADLINE_GRACE_SECONDS),
        reads={other: job.stages[other].round for other in reads(stage) if other in table},
        repeated=repeated,
    )


def close(
    step: Step, result: StageResult, status: str, code: str | None = None, error: str | None = None
) -> None:
    step.add(
        CloseAttempt(
            stage=result.stage,
            run=result.run,
            round=result.round,
            attempt=result.attempt,
            status=status,
            finished_at=step.now,
            worker=result.worker,
            error_code=code,
            error=error,
        )
    )


def fail(step: Step, code: str, reason: str, stage: StageId | None) -> None:
    if stage is not None:
        step.record(stage, replace(step.job.stages[stage], status=StageStatus.FAILED, finished_at=step.now))
    end(step, JobState.FAILED)
    step.change(error=reason, error_code=code, error_stage=stage)
    step.emit(Failed, error=reason, error_code=code, stage=stage, duration_seconds=duration(step.job))


def end(step: Step, state: JobState) -> None:
    """End the job before its time: whatever still runs is stopped and its attempts are given up."""
    for stage, record in step.job.stages.items():
        if record.status is StageStatus.RUNNING:
            step.add(
                CloseAttempt(
                    stage=stage,
                    run=record.run,
                    round=record.round,
                    attempt=record.attempt,
                    status="abandoned",
                    finished_at=step.now,
                )
            )
    step.change(state=state, finished_at=step.now, deadline_at=None)
    step.add(StopStages())


def duration(job: Job) -> float | None:
    if job.started_at is None or job.finished_at is None:
        return None
    return max(0.0, (job.finished_at - job.started_at).total_seconds())
