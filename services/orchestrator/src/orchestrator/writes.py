"""From a folded batch to set-based SQL: every kind of row has its statement, and all go to Postgres as one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

import msgspec

from chassis.database import Queries, Statement, columns
from contracts import codec
from contracts.events import event_type
from contracts.ids import JobId
from contracts.jobs import DEFAULT_CALLBACK_EVENTS, ArticleRequest
from contracts.payloads import Inline
from contracts.stages import StageId
from orchestrator.eta import remaining_seconds
from orchestrator.fold import Folded
from orchestrator.job import (
    CloseAttempt,
    Effect,
    Emit,
    Job,
    SaveOutput,
    SaveResult,
    SendStage,
    SetLimit,
    StopStages,
)
from orchestrator.messages import job_stage_subjects
from orchestrator.pipeline import current_stage, progress_percent, stages_completed, total_stages, wake_at

Row = tuple[Any, ...]
E = TypeVar("E", bound=Effect)


def statements(
    queries: Queries, folded: Folded, durations: Mapping[StageId, float], now: datetime
) -> list[Statement]:
    """Return what writes jobs, attempts, outputs, results and events of a batch; no two touch the same row."""
    effects = folded.effects
    closed = {row[:5]: row for row in _closed(effects)}
    opened = [(*row, *_end(closed.pop(row[:5], None))) for row in _opened(effects, now)]
    stopped = [job_id for job_id, _ in of_kind(effects, StopStages)]
    kinds: list[tuple[str, Iterable[Row]]] = [
        ("insert_jobs", _new_jobs(folded, durations, now)),
        ("update_jobs", _changed_jobs(folded, durations, now)),
        ("open_attempts", opened),
        ("close_attempts", closed.values()),
        ("save_outputs", _outputs(effects)),
        ("save_results", _results(folded, now)),
        ("set_limits", _limits(effects)),
        ("append_events", _events(effects)),
        ("drop_unsent", ((subject,) for job_id in stopped for subject in job_stage_subjects(job_id))),
    ]
    return [(queries[name], columns(rows)) for name, kind in kinds if (rows := list(kind))]


def of_kind(effects: Sequence[tuple[JobId, Effect]], kind: type[E]) -> list[tuple[JobId, E]]:
    """Return the effects of one kind, with their jobs."""
    return [(job_id, effect) for job_id, effect in effects if isinstance(effect, kind)]


def _new_jobs(folded: Folded, durations: Mapping[StageId, float], now: datetime) -> list[Row]:
    return [
        (
            *_job_row(folded.jobs[job_id], durations, now),
            folded.jobs[job_id].tenant,
            request.batch_id,
            request.priority,
            request.primary_keyword,
            request.company_url,
            request.language,
            request.country,
            request.callback_url,
            folded.jobs[job_id].created_at,
            codec.encode(request).decode(),
            folded.jobs[job_id].pipeline_version,
            total_stages(folded.jobs[job_id]),
            _callback_events(request),
        )
        for job_id, request in folded.requests.items()
    ]


def _callback_events(request: ArticleRequest) -> str | None:
    wanted = set(request.callback_events)
    return None if wanted == set(DEFAULT_CALLBACK_EVENTS) else ",".join(sorted(wanted))


def _changed_jobs(folded: Folded, durations: Mapping[StageId, float], now: datetime) -> list[Row]:
    return [
        _job_row(job, durations, now) for job_id, job in folded.jobs.items() if job_id not in folded.requests
    ]


def _job_row(job: Job, durations: Mapping[StageId, float], now: datetime) -> Row:
    remaining = remaining_seconds(job, durations, now)
    return (
        job.job_id,
        job.state.value,
        job.queued_at,
        job.started_at,
        job.finished_at,
        job.deadline_at,
        wake_at(job),
        now + timedelta(seconds=remaining) if wake_at(job) else None,
        job.run,
        job.round,
        job.seq,
        current_stage(job),
        stages_completed(job),
        progress_percent(job),
        job.summary.aeo_score if job.summary else max((report.score for report in job.rounds), default=None),
        job.error,
        job.error_code,
        job.error_stage,
        codec.encode(job).decode(),
    )


def _opened(effects: Sequence[tuple[JobId, Effect]], now: datetime) -> list[Row]:
    return [
        (job_id, sent.stage.value, sent.run, sent.round, sent.attempt, now)
        for job_id, sent in of_kind(effects, SendStage)
        if not sent.repeated
    ]


def _end(closed: Row | None) -> Row:
    """Return how an attempt stands that this batch opened: as one that runs, unless it closed it too."""
    return ("running", None, None, None, None) if closed is None else closed[5:]


def _closed(effects: Sequence[tuple[JobId, Effect]]) -> list[Row]:
    return [
        (
            job_id,
            e.stage.value,
            e.run,
            e.round,
            e.attempt,
            e.status,
            e.finished_at,
            e.worker,
            e.error_code,
            e.error,
        )
        for job_id, e in of_kind(effects, CloseAttempt)
    ]


def _outputs(effects: Sequence[tuple[JobId, Effect]]) -> list[Row]:
    """Return the last output of each stage and round: one statement may not touch a row twice."""
    latest = {
        (job_id, e.stage.value, e.round): codec.encode(e.output) for job_id, e in of_kind(effects, SaveOutput)
    }
    return [(*key, payload) for key, payload in latest.items()]


def _limits(effects: Sequence[tuple[JobId, Effect]]) -> list[Row]:
    """Return each job's last limit."""
    return list({job_id: e.max_cost_usd for job_id, e in of_kind(effects, SetLimit)}.items())


def _results(folded: Folded, now: datetime) -> list[Row]:
    rows = []
    for job_id, effect in of_kind(folded.effects, SaveResult):
        job = folded.jobs[job_id]
        assert job.summary is not None  # noqa: S101  the machine sets it with the result
        assert isinstance(effect.result, Inline)  # noqa: S101  the last stage's output is never stored by reference
        result = bytes(effect.result.value).decode()
        rows.append(
            (job_id, job.tenant, job.summary.slug, job.summary.headline, job.primary_keyword, result, now)
        )
    return rows


def _events(effects: Sequence[tuple[JobId, Effect]]) -> list[Row]:
    return [
        (
            job_id,
            emit.event.seq,
            event_type(emit.event),
            emit.event.at,
            msgspec.json.encode(emit.event).decode(),
        )
        for job_id, emit in of_kind(effects, Emit)
    ]
