"""From rows to answers: pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from contracts.jobs import ArticleRequest, JobState
from contracts.stages import TOTAL_STAGES
from contracts.usage import Usage
from contracts.views import DeliveryAttemptRow, DeliveryRow, JobRow
from gateway.schemas import (
    Accepted,
    BatchStatus,
    Delivery,
    DeliveryAttempt,
    JobListItem,
    JobPage,
    JobStatus,
    Statistics,
)

T = TypeVar("T")


def submitted_row(job_id: str, tenant: str, request: ArticleRequest, at: datetime) -> JobRow:
    """Return how a job looks until the orchestrator has it."""
    return JobRow(
        job_id=job_id,
        tenant=tenant,
        batch_id=request.batch_id,
        state=JobState.PENDING.value,
        priority=request.priority,
        primary_keyword=request.primary_keyword,
        company_url=request.company_url,
        language=request.language,
        country=request.country,
        callback_url=request.callback_url,
        created_at=at,
        started_at=None,
        finished_at=None,
        deadline_at=None,
        run=1,
        round=1,
        current_stage=None,
        stages_completed=0,
        total_stages=TOTAL_STAGES,
        progress_percent=0,
        quality_score=None,
        error=None,
        error_code=None,
        error_stage=None,
        eta_at=None,
        last_seq=0,
        max_cost_usd=request.max_cost_usd,
    )


def accepted(job_id: str, batch_id: str | None = None) -> Accepted:
    """Return the answer to a submission."""
    return Accepted(
        job_id=job_id,
        polling_url=f"/jobs/{job_id}/status",
        events_url=f"/jobs/{job_id}/events",
        batch_id=batch_id,
    )


def job_status(job: JobRow, result: str | None, now: datetime) -> JobStatus:
    """Return a job's status; ``result`` is its article's JSON."""
    finished = job.finished_at is not None
    return JobStatus(
        job_id=job.job_id,
        status=job.state,
        created_at=_utc(job.created_at),
        started_at=_time(job.started_at),
        completed_at=_time(job.finished_at),
        duration_seconds=_duration(job),
        current_stage=_given(job.current_stage),
        progress_percent=job.progress_percent,
        stages_completed=job.stages_completed,
        total_stages=job.total_stages,
        estimated_remaining_seconds=_remaining(job, now),
        deadline_at=_time(job.deadline_at),
        quality_score=_given(job.quality_score) if finished else UNSET,
        error=_given(job.error),
        error_code=_given(job.error_code),
        error_stage=_given(job.error_stage),
        primary_keyword=job.primary_keyword,
        company_url=job.company_url,
        priority=job.priority,
        run=job.run,
        round=job.round,
        batch_id=_given(job.batch_id),
        events_url=f"/jobs/{job.job_id}/events",
        max_cost_usd=_given(job.max_cost_usd),
        usage=UNSET if job.usage is None else msgspec.json.decode(job.usage, type=Usage),
        result=UNSET if result is None else msgspec.Raw(result.encode()),
    )


def list_item(job: JobRow) -> JobListItem:
    """Return a job's line in a list."""
    return JobListItem(
        job_id=job.job_id,
        status=job.state,
        created_at=_utc(job.created_at),
        progress_percent=job.progress_percent,
        stages_completed=job.stages_completed,
        primary_keyword=job.primary_keyword,
        priority=job.priority,
        batch_id=job.batch_id,
        started_at=job.started_at and _utc(job.started_at),
        completed_at=job.finished_at and _utc(job.finished_at),
        quality_score=job.quality_score if job.finished_at else None,
        error=job.error,
        error_code=job.error_code,
    )


def job_page(
    jobs: Sequence[JobRow], counts: Mapping[str, int], state: str | None, limit: int, offset: int
) -> JobPage:
    """Return a page; ``counts`` are all matching jobs by state."""
    total = sum(counts.values()) if state is None else counts.get(state, 0)
    return JobPage(
        jobs=tuple(map(list_item, jobs)),
        total=total,
        limit=limit,
        offset=offset,
        has_more=offset + len(jobs) < total,
    )


def delivery(row: DeliveryRow, attempts: Sequence[DeliveryAttemptRow]) -> Delivery:
    """Return a webhook with its attempts."""
    return Delivery(
        webhook_id=f"msg_{row.job_id}_{row.seq}",
        event=row.event,
        seq=row.seq,
        url=row.url,
        status=row.status,
        created_at=_utc(row.created_at),
        next_attempt_at=row.next_attempt_at and _utc(row.next_attempt_at),
        delivered_at=row.delivered_at and _utc(row.delivered_at),
        last_reason=row.last_reason,
        endpoint_disabled=row.endpoint_disabled,
        endpoint_paused_until=row.endpoint_paused_until and _utc(row.endpoint_paused_until),
        attempts=tuple(
            DeliveryAttempt(
                number=one.number,
                started_at=_utc(one.started_at),
                duration_seconds=round(one.duration_seconds, 3),
                reason=one.reason,
                status_code=one.status_code,
            )
            for one in attempts
        ),
    )


def batch_status(batch_id: str, jobs: Sequence[JobRow], counts: Mapping[str, int]) -> BatchStatus:
    """Return a batch; its progress is the mean of its jobs', ended ones counting in full."""
    shares = [100 if job.finished_at else job.progress_percent for job in jobs]
    return BatchStatus(
        batch_id=batch_id,
        total=sum(counts.values()),
        status_counts=all_states(counts),
        finished=not counts.get("pending") and not counts.get("running"),
        progress_percent=sum(shares) // max(1, len(shares)),
        jobs=tuple(map(list_item, jobs)),
    )


def statistics(
    counts: Mapping[str, int], average: float | None, max_concurrent: int, database_path: str, now: datetime
) -> Statistics:
    """Return the system's load."""
    running = counts.get("running", 0)
    return Statistics(
        status_counts=all_states(counts),
        running_jobs=running,
        max_concurrent=max_concurrent,
        capacity_used_percent=round(100 * running / max_concurrent),
        average_duration_seconds=round(average or 0.0, 1),
        database_path=database_path,
        timestamp=now,
    )


def all_states(counts: Mapping[str, int]) -> dict[str, int]:
    """Return the counts with a zero for every state that has none."""
    return {state.value: counts.get(state.value, 0) for state in JobState}


def _duration(job: JobRow) -> int | UnsetType:
    if job.started_at is None or job.finished_at is None:
        return UNSET
    return round((job.finished_at - job.started_at).total_seconds())


def _remaining(job: JobRow, now: datetime) -> int | UnsetType:
    if job.eta_at is None:
        return UNSET
    return max(0, math.ceil((job.eta_at - now).total_seconds()))


def _given(value: T | None) -> T | UnsetType:
    return UNSET if value is None else value


def _time(value: datetime | None) -> datetime | UnsetType:
    return UNSET if value is None else _utc(value)


def _utc(value: datetime) -> datetime:
    """Return the time in UTC, so that it is written with a Z."""
    return value.astimezone(UTC)
