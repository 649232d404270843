"""What the HTTP API takes in and gives out. Field names are part of the public contract."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from contracts.jobs import ArticleRequest, MaxCost, Url
from contracts.usage import Usage


class WriteRequest(ArticleRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request for an article; a field that does not exist is an error."""


class BatchRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Several articles at once: all are accepted, or none."""

    jobs: Annotated[tuple[WriteRequest, ...], Meta(min_length=1, max_length=100)]
    batch_id: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    """Given to every job that names no batch of its own; made up when it is not given."""


class RetryRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may change when a failed job goes on; all of it may be left out, the body too."""

    max_cost_usd: MaxCost | None = None
    """What the job may cost from now on, all runs together."""


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """A job was accepted."""

    success: bool = True
    job_id: str
    status: str = "pending"
    message: str = "Blog generation job queued. Use /jobs/{job_id}/status to track progress."
    polling_url: str
    events_url: str
    estimated_duration_minutes: str = "5-30 (quality takes time)"
    batch_id: str | None = None


class BatchAccepted(msgspec.Struct, frozen=True, kw_only=True):
    """A batch was accepted."""

    success: bool = True
    batch_id: str
    status: str = "pending"
    total: int
    polling_url: str
    jobs: tuple[Accepted, ...]


class JobListItem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of a list of jobs."""

    job_id: str
    status: str
    created_at: datetime
    progress_percent: int
    stages_completed: int
    primary_keyword: str
    priority: int
    batch_id: str | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    quality_score: float | None = None
    error: str | None = None
    error_code: str | None = None


class JobStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A job as it stands. What does not apply yet is left out."""

    job_id: str
    status: str
    created_at: datetime
    started_at: datetime | UnsetType = UNSET
    completed_at: datetime | UnsetType = UNSET
    duration_seconds: int | UnsetType = UNSET
    current_stage: str | UnsetType = UNSET
    progress_percent: int
    stages_completed: int
    total_stages: int
    estimated_remaining_seconds: int | UnsetType = UNSET
    deadline_at: datetime | UnsetType = UNSET
    quality_score: float | UnsetType = UNSET
    error: str | UnsetType = UNSET
    error_code: str | UnsetType = UNSET
    error_stage: str | UnsetType = UNSET
    primary_keyword: str
    company_url: str
    priority: int
    run: int
    round: int
    batch_id: str | UnsetType = UNSET
    events_url: str
    max_cost_usd: float | UnsetType = UNSET
    usage: Usage | UnsetType = UNSET
    result: msgspec.Raw | UnsetType = UNSET


class JobPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of jobs, newest first."""

    jobs: tuple[JobListItem, ...]
    total: int
    limit: int
    offset: int
    has_more: bool


class Acknowledged(msgspec.Struct, frozen=True, kw_only=True):
    """A command on a job was taken."""

    success: bool
    job_id: str
    message: str


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """The system's load."""

    status_counts: dict[str, int]
    running_jobs: int
    max_concurrent: int
    capacity_used_percent: int
    average_duration_seconds: float
    database_path: str
    timestamp: datetime


class FailedJob(msgspec.Struct, frozen=True, kw_only=True):
    """A job that failed, and why."""

    job_id: str
    primary_keyword: str
    error: str | None
    error_code: str | None
    error_stage: str | None
    failed_at: datetime | None


class Errors(msgspec.Struct, frozen=True, kw_only=True):
    """What went wrong lately."""

    counts: dict[str, int]
    """Failed jobs by error code."""
    jobs: tuple[FailedJob, ...]
    total: int


class EventPage(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a job's story."""

    events: list[Any]
    next_after: int
    """Ask with ``after`` set to it for what comes next."""


class DeliveryAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt at a webhook."""

    number: int
    started_at: datetime
    duration_seconds: float
    reason: str
    """delivered, or what went wrong: timeout, dns, connect, tls, disconnected, ssrf_blocked, http_503 and the like."""
    status_code: int | None


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook: of one event of a job."""

    webhook_id: str
    """Constant over all attempts."""
    event: str
    seq: int
    url: str
    status: str
    """pending, delivered, exhausted, or held: its endpoint is disabled."""
    created_at: datetime
    next_attempt_at: datetime | None
    delivered_at: datetime | None
    last_reason: str | None
    endpoint_disabled: str | None
    """gone (it answered 410) or failing (for five days)."""
    endpoint_paused_until: datetime | None
    attempts: tuple[DeliveryAttempt, ...]


class Deliveries(msgspec.Struct, frozen=True, kw_only=True):
    """A job's webhooks."""

    job_id: str
    deliveries: tuple[Delivery, ...]


class DeliveriesReplayed(msgspec.Struct, frozen=True, kw_only=True):
    """Webhooks go out again."""

    success: bool = True
    job_id: str
    deliveries: int


class WebhookTest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An address to try."""

    url: Url


class WebhookTestResult(msgspec.Struct, frozen=True, kw_only=True):
    """How a webhook to it went."""

    delivered: bool
    reason: str
    status_code: int | None
    duration_seconds: float


class BatchStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A batch as it stands."""

    batch_id: str
    total: int
    status_counts: dict[str, int]
    finished: bool
    progress_percent: int
    jobs: tuple[JobListItem, ...]


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """Whether something works."""

    status: str
    checks: dict[str, str] = {}


class TokenMade(msgspec.Struct, frozen=True, kw_only=True):
    """A token that reads one job."""

    token: str
    expires_at: datetime
    events_url: str
    """The job's events with the token in the address, as for EventSource."""
