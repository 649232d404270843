"""Public events: the story of a job, the same on every transport.

``seq`` counts a job's events from 1 without gaps. It is the id of server-sent events, the ``after`` cursor of the
HTTP history, a header on NATS and a field of the webhook. :class:`StageProgress` is best effort and outside it.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from contracts.articles import Finding
from contracts.ids import SentJobId
from contracts.stages import StageId


class JobEvent(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """What every event carries."""

    job_id: SentJobId
    seq: int | None
    """None only for progress."""
    at: datetime
    tenant: str
    batch_id: str | None = None


class Submitted(JobEvent, frozen=True, kw_only=True, tag="submitted"):
    """The job waits for a slot; again after a retry, with a higher ``run``."""

    primary_keyword: str
    priority: int
    run: int = 1


class Started(JobEvent, frozen=True, kw_only=True, tag="started"):
    """The job holds a slot."""

    run: int = 1
    deadline_at: datetime | None = None


class StageStarted(JobEvent, frozen=True, kw_only=True, tag="stage_started"):
    """The stage's command was handed to the workers."""

    stage: StageId
    name: str
    round: int
    attempt: int


class StageProgress(JobEvent, frozen=True, kw_only=True, tag="stage_progress"):
    """What a stage is doing: ``search 7 of 24: …``. Best effort, without a ``seq``."""

    stage: StageId
    name: str
    round: int
    attempt: int
    message: str
    done: int | None = None
    total: int | None = None


class StageRetrying(JobEvent, frozen=True, kw_only=True, tag="stage_retrying"):
    """An attempt failed; another follows."""

    stage: StageId
    name: str
    round: int
    attempt: int
    """The attempt that failed."""
    code: str
    reason: str
    delay_seconds: float


class StageCompleted(JobEvent, frozen=True, kw_only=True, tag="stage_completed"):
    stage: StageId
    name: str
    round: int
    attempt: int
    duration_seconds: float
    stages_completed: int
    progress_percent: int


class QualityRejected(JobEvent, frozen=True, kw_only=True, tag="quality_rejected"):
    """The gate refused a round."""

    round: int
    score: float
    findings: tuple[Finding, ...]
    next_round: int | None
    """None when no rounds are left and the best one goes on."""


class Completed(JobEvent, frozen=True, kw_only=True, tag="completed"):
    headline: str
    slug: str
    word_count: int
    quality_score: float
    quality_passed: bool
    duration_seconds: float


class Failed(JobEvent, frozen=True, kw_only=True, tag="failed"):
    error: str
    error_code: str
    stage: StageId | None
    duration_seconds: float | None


class Cancelled(JobEvent, frozen=True, kw_only=True, tag="cancelled"):
    reason: str = ""
    duration_seconds: float | None = None


Event = (
    Submitted
    | Started
    | StageStarted
    | StageProgress
    | StageRetrying
    | StageCompleted
    | QualityRejected
    | Completed
    | Failed
    | Cancelled
)

TERMINAL_EVENTS = ("completed", "failed", "cancelled")
"""The types that end a job's story, until a retry goes on with it."""
STEP_EVENTS = (
    "submitted",
    "started",
    "stage_started",
    "stage_retrying",
    "stage_completed",
    "quality_rejected",
)
"""The other types that have a ``seq``."""

SOURCE = "/blog-writer/orchestrator"
TYPE_PREFIX = "blog."


def event_type(event: JobEvent) -> str:
    """Return the event's wire name, as in its ``type`` field."""
    return str(event.__struct_config__.tag)


def event_id(event: JobEvent) -> str:
    """Return the CloudEvents id: ``<job_id>/<seq>``, unique by source; empty for progress."""
    return "" if event.seq is None else f"{event.job_id}/{event.seq}"


def cloudevents_headers(event: JobEvent, event_id: str) -> dict[str, str]:
    """Return the headers of CloudEvents 1.0 in NATS binary mode, with the sequence extension.

    Source: the CloudEvents NATS protocol binding 1.0, section 3.1.
    """
    headers = {
        "ce-specversion": "1.0",
        "ce-id": event_id,
        "ce-type": TYPE_PREFIX + event_type(event),
        "ce-source": SOURCE,
        "ce-subject": event.job_id,
        "ce-time": event.at.isoformat(),
        "content-type": "application/json",
    }
    return headers if event.seq is None else {**headers, "ce-sequence": str(event.seq)}
