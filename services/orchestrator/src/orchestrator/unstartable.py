"""A pending job that cannot be admitted, whatever the reason: it fails, so that it holds up no other."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from contracts import codec
from contracts.ids import JobId
from contracts.jobs import ArticleRequest, JobState
from contracts.stages import PIPELINE_VERSION
from orchestrator.fold import Folded
from orchestrator.job import Job, Transition
from orchestrator.step import Step, fail

CODE = "not_startable"
LONGEST_REASON = 2000


def given_up(row: Mapping[str, Any], reason: str, now: datetime) -> Folded:
    """Return the end of a job that cannot start, from its row."""
    step = Step(_job(row), now)
    fail(step, CODE, f"the job could not be started: {reason[:LONGEST_REASON]}", None)
    transition: Transition = step.transition()
    job_id = JobId(row["job_id"])
    return Folded(
        {job_id: transition.job}, [(job_id, effect) for effect in transition.effects], {}, [transition]
    )


def _job(row: Mapping[str, Any]) -> Job:
    """Return the machine's own record, or what the columns beside it tell when that record is what is wrong."""
    with contextlib.suppress(msgspec.DecodeError):
        job = codec.decode(row["doc"], Job)
        if job.state is JobState.PENDING and job.job_id == row["job_id"]:
            return job
    return Job(
        job_id=JobId(row["job_id"]),
        tenant=row["tenant"],
        batch_id=row["batch_id"],
        state=JobState.PENDING,
        priority=row["priority"],
        primary_keyword=row["primary_keyword"],
        max_duration_minutes=_minutes(row["request"]),
        created_at=row["created_at"],
        queued_at=row["queued_at"],
        pipeline_version=PIPELINE_VERSION,
        run=row["run"],
        seq=row["seq"],
        started_at=row["started_at"],
    )


def _minutes(request: str) -> int:
    try:
        return codec.decode(request, ArticleRequest).max_duration_minutes
    except msgspec.DecodeError:
        return ArticleRequest(primary_keyword="any", company_url="http://any").max_duration_minutes
