"""Commands: to the orchestrator (what a client wants) and to the stage workers (what to run)."""

from __future__ import annotations

from datetime import datetime

import msgspec

from contracts.ids import SentJobId
from contracts.jobs import ArticleRequest, MaxCost
from contracts.payloads import Payload
from contracts.spending import Allowance
from contracts.stages import StageId


class SubmitJob(msgspec.Struct, frozen=True, kw_only=True, tag="submit"):
    """Start a job. The gateway has already committed it, under the same identifier."""

    job_id: SentJobId
    tenant: str
    request: ArticleRequest
    submitted_at: datetime


class CancelJob(msgspec.Struct, frozen=True, kw_only=True, tag="cancel"):
    """Stop a job that has not ended."""

    job_id: SentJobId
    tenant: str
    requested_at: datetime
    reason: str = ""


class RetryJob(msgspec.Struct, frozen=True, kw_only=True, tag="retry"):
    """Go on with a failed job from the stage that failed."""

    job_id: SentJobId
    tenant: str
    requested_at: datetime
    run: int | None = None
    """The run that failed, so that a second copy of the command does not restart a later one; None for any."""
    max_cost_usd: MaxCost | None = None
    """What the job may cost from now on, all runs together; None leaves it as it was."""


JobCommand = SubmitJob | CancelJob | RetryJob


class RunStage(msgspec.Struct, frozen=True, kw_only=True, tag="run_stage"):
    """Run one stage once. A result counts only with the same run, round and attempt."""

    job_id: SentJobId
    tenant: str
    stage: StageId
    run: int
    """1, and one more for each retry of the job by a client."""
    round: int
    attempt: int
    timeout_seconds: float
    """Hard ceiling of this attempt, from when it begins; about what is left to the job when that is less."""
    deadline_at: datetime
    """When the job as a whole is out of time, by the orchestrator's time. For people: no clock of a worker is compared."""
    pipeline_version: int
    inputs: dict[str, Payload]
    """By the field names of the stage's input type."""
    allowance: Allowance | None = None
    """None in commands of orchestrators that keep no ledger: then paid calls are not told."""


class JobCancelled(msgspec.Struct, frozen=True, kw_only=True, tag="job_cancelled"):
    """Broadcast to all workers: stop what runs for this job. Best effort; the row decides."""

    job_id: SentJobId
