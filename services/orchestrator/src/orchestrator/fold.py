"""A batch of inputs, folded through the machine: pure bookkeeping between the rows read and the rows written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from contracts.commands import SubmitJob
from contracts.ids import JobId
from contracts.jobs import ArticleRequest, JobState
from orchestrator.job import Deferred, Effect, Ignored, Input, Job, SendStage, StageStatus, Transition
from orchestrator.machine import decide
from orchestrator.versions import Foreign

Happening = tuple[JobId, Input]


class Refused(msgspec.Struct, frozen=True):
    """The machine raised: a bug, kept to the one input that met it."""

    reason: str


Verdict = Transition | Ignored | Refused | Deferred


class Folded(msgspec.Struct):
    """What a batch came to."""

    jobs: dict[JobId, Job]
    """Jobs that changed, in their last state."""
    effects: list[tuple[JobId, Effect]]
    """In the order they were decided."""
    requests: dict[JobId, ArticleRequest]
    """Of the jobs that are new."""
    verdicts: list[Verdict]
    """One for each input, in order."""


def fold(rows: Mapping[JobId, Job | Foreign], batch: Sequence[Happening], now: datetime) -> Folded:
    """Return the outcome of ``batch`` on ``rows``; several inputs of one job build on each other."""
    folded = Folded({}, [], {}, [])
    for job_id, happened in batch:
        job = folded.jobs.get(job_id) or rows.get(job_id)
        verdict = _decided(job, happened, now)
        folded.verdicts.append(verdict)
        if isinstance(verdict, Transition):
            folded.jobs[job_id] = verdict.job
            folded.effects += [(job_id, effect) for effect in verdict.effects]
            if isinstance(happened, SubmitJob):
                folded.requests[job_id] = happened.request
    return folded


def wanted(job: Job, send: SendStage) -> bool:
    """Whether an attempt that a batch sent out still runs at the end of the batch."""
    record = job.stages.get(send.stage)
    if job.state is not JobState.RUNNING or record is None or record.status is not StageStatus.RUNNING:
        return False
    return (record.run, record.round, record.attempt) == (send.run, send.round, send.attempt)


def _decided(job: Job | Foreign | None, happened: Input, now: datetime) -> Verdict:
    if isinstance(job, Foreign):
        return Deferred(f"pipeline version {job.pipeline_version} is not known to this release")
    try:
        return decide(job, happened, now)
    except Exception as error:  # noqa: BLE001  one input must not hold up the others; the caller logs it
        return Refused(f"{type(error).__name__}: {error}")
