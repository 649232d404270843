"""The job as the machine sees it, what may happen to it, and what the machine asks for in return."""

from __future__ import annotations

import enum
from datetime import datetime

import msgspec

from contracts.articles import RoundReport
from contracts.commands import CancelJob, RetryJob, SubmitJob
from contracts.events import Event
from contracts.ids import JobId
from contracts.jobs import TERMINAL_STATES, JobState
from contracts.payloads import Payload
from contracts.results import StageResult, Summary
from contracts.stages import StageId


class StageStatus(enum.StrEnum):
    """Where a started stage stands in the current round. A stage without a record has not started."""

    RUNNING = "running"
    """Its command is in the stream, at a worker, or its result is on the way back."""

    WAITING = "waiting"
    """An attempt failed; the next is due at ``due_at``."""

    DONE = "done"
    """Its output is stored."""

    FAILED = "failed"
    """It failed for good, and the job with it; a retry of the job starts it anew."""


class StageRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The latest attempt at one stage."""

    status: StageStatus
    run: int
    round: int
    """The round this attempt, and so the stage's current output, belongs to."""
    attempt: int
    """Counts from 1 in each run and round."""
    started_at: datetime
    due_at: datetime | None = None
    finished_at: datetime | None = None


class Job(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One job. The client's request is kept beside it, since no decision needs it."""

    job_id: JobId
    tenant: str
    state: JobState
    priority: int
    primary_keyword: str
    max_duration_minutes: int
    created_at: datetime
    """When the client submitted it."""
    queued_at: datetime
    """When it last became pending: the age that admission goes by."""
    pipeline_version: int
    batch_id: str | None = None
    run: int = 1
    round: int = 1
    seq: int = 0
    """Of the last public event."""
    started_at: datetime | None = None
    """When it first got a slot."""
    admitted_at: datetime | None = None
    """When it last got a slot."""
    deadline_at: datetime | None = None
    finished_at: datetime | None = None
    stages: dict[StageId, StageRecord] = {}
    rounds: tuple[RoundReport, ...] = ()
    summary: Summary | None = None
    error: str | None = None
    error_code: str | None = None
    error_stage: StageId | None = None

    @property
    def finished(self) -> bool:
        """Whether the state is terminal."""
        return self.state in TERMINAL_STATES


# What may happen to a job.


class Admit(msgspec.Struct, frozen=True):
    """A slot is free and this job is next."""


class WakeUp(msgspec.Struct, frozen=True):
    """Something is due: a stage's next attempt, or the job's deadline."""


class CommandLost(msgspec.Struct, frozen=True):
    """The stream no longer holds a command that the row says is in flight."""

    stage: StageId
    run: int
    round: int
    attempt: int


Input = SubmitJob | CancelJob | RetryJob | StageResult | Admit | WakeUp | CommandLost


# What the machine asks the shell to do, in the same transaction as the new state.


class Emit(msgspec.Struct, frozen=True):
    """Publish a public event; the machine has given it its ``seq``."""

    event: Event


class SendStage(msgspec.Struct, frozen=True, kw_only=True):
    """Send a stage's command to the workers, and record the attempt."""

    stage: StageId
    run: int
    round: int
    attempt: int
    timeout_seconds: float
    reads: dict[StageId, int]
    """For each stage whose output it takes in: the round of that output."""
    repeated: bool = False
    """The attempt is already recorded; its command was lost and goes out again."""


class SaveOutput(msgspec.Struct, frozen=True, kw_only=True):
    """Keep a stage's output."""

    stage: StageId
    round: int
    output: Payload


class CloseAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """Record how an attempt ended: the facts that statistics and the estimate come from."""

    stage: StageId
    run: int
    round: int
    attempt: int
    status: str
    """done, retrying, failed or abandoned."""
    finished_at: datetime
    worker: str = ""
    error_code: str | None = None
    error: str | None = None


class SaveResult(msgspec.Struct, frozen=True):
    """Keep the finished article."""

    result: Payload


class SetLimit(msgspec.Struct, frozen=True):
    """Keep what the job may cost from now on."""

    max_cost_usd: float


class StopStages(msgspec.Struct, frozen=True):
    """Tell the workers to stop what runs for the job, and drop its unsent and undelivered stage commands."""


Effect = Emit | SendStage | SaveOutput | CloseAttempt | SaveResult | SetLimit | StopStages


class Transition(msgspec.Struct, frozen=True):
    """The new state, and what to do with it."""

    job: Job
    effects: tuple[Effect, ...] = ()


class Ignored(msgspec.Struct, frozen=True):
    """The input changes nothing: it is late, a duplicate, or does not apply."""

    reason: str


class Deferred(msgspec.Struct, frozen=True):
    """The input is for a job that only another release can judge: it changes nothing here, and must come again."""

    reason: str
