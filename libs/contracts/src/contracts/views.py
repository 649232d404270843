"""Rows of the SQL views in schema ``api``: the only tables one service may read of another.

Each class names its view; its fields are the view's columns, in their order.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

import msgspec


class View(msgspec.Struct, frozen=True, kw_only=True):
    VIEW: ClassVar[str]


class JobRow(View, frozen=True, kw_only=True):
    """One job as the orchestrator knows it."""

    VIEW: ClassVar[str] = "api.jobs"

    job_id: str
    tenant: str
    batch_id: str | None
    state: str
    priority: int
    primary_keyword: str
    company_url: str
    language: str
    country: str
    callback_url: str | None
    created_at: datetime
    """When the client submitted it."""
    started_at: datetime | None
    """When it first got a slot."""
    finished_at: datetime | None
    deadline_at: datetime | None
    run: int
    round: int
    current_stage: str | None
    """The lowest started, unfinished stage while it runs."""
    stages_completed: int
    total_stages: int
    progress_percent: int
    quality_score: float | None
    error: str | None
    error_code: str | None
    error_stage: str | None
    eta_at: datetime | None
    """When it should end, from recorded stage durations; null unless running."""
    last_seq: int
    max_cost_usd: float | None = None
    usage: str | None = None
    """JSON of :class:`contracts.usage.Usage`; null when nothing was paid for."""


class ResultRow(View, frozen=True, kw_only=True):
    """The article of a completed job."""

    VIEW: ClassVar[str] = "api.results"

    job_id: str
    tenant: str
    result: str
    """JSON of :class:`contracts.articles.ArticleResult`."""
    created_at: datetime


class EventRow(View, frozen=True, kw_only=True):
    """One public event with a seq."""

    VIEW: ClassVar[str] = "api.events"

    job_id: str
    tenant: str
    seq: int
    type: str
    at: datetime
    body: str
    """JSON of one of :mod:`contracts.events`."""


class StageRunRow(View, frozen=True, kw_only=True):
    """One attempt at one stage."""

    VIEW: ClassVar[str] = "api.stage_runs"

    job_id: str
    tenant: str
    stage: str
    run: int
    round: int
    attempt: int
    status: str
    """running, done, retrying, failed, abandoned."""
    started_at: datetime
    finished_at: datetime | None
    duration_seconds: float | None
    worker: str | None
    error_code: str | None
    error: str | None


class DeletedJobRow(View, frozen=True, kw_only=True):
    """A job that was deleted some time after its end; remembered for a year more."""

    VIEW: ClassVar[str] = "api.deleted_jobs"

    job_id: str
    deleted_at: datetime


class RefusedSubmissionRow(View, frozen=True, kw_only=True):
    """A submission that the orchestrator put aside, and that nobody has sent again."""

    VIEW: ClassVar[str] = "api.refused_submissions"

    job_id: str
    """As text: it comes from the message's subject."""
    code: str
    """Of :class:`contracts.dead_letters.DeadLetterCode`."""
    reason: str
    at: datetime


class CallbackRow(View, frozen=True, kw_only=True):
    """A job that wants webhooks."""

    VIEW: ClassVar[str] = "api.callbacks"

    job_id: str
    tenant: str
    url: str
    events: str | None
    """Types with commas between; null for the ends alone."""
    payload: str
    """full or thin."""
    finished_at: datetime | None


class DeliveryRow(View, frozen=True, kw_only=True):
    """One webhook: of one event of one job."""

    VIEW: ClassVar[str] = "api.deliveries"

    job_id: str
    tenant: str
    seq: int
    event: str
    url: str
    status: str
    """pending, delivered, exhausted, held (its endpoint is disabled), discarded."""
    attempts: int
    last_reason: str | None
    next_attempt_at: datetime | None
    """While pending."""
    created_at: datetime
    delivered_at: datetime | None
    endpoint_disabled: str | None
    """Why nothing is sent to its address: gone (it answered 410), failing (for days); null while it is."""
    endpoint_paused_until: datetime | None
    """Nothing is sent to its address before then: it failed often, or asked for a pause."""


class DeliveryAttemptRow(View, frozen=True, kw_only=True):
    """One attempt at one webhook."""

    VIEW: ClassVar[str] = "api.delivery_attempts"

    job_id: str
    tenant: str
    seq: int
    number: int
    started_at: datetime
    duration_seconds: float
    status_code: int | None
    reason: str
