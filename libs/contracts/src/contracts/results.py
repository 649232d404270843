"""What a worker reports of one attempt at a stage."""

from __future__ import annotations

from datetime import datetime

import msgspec

from contracts.articles import Finding
from contracts.ids import SentJobId
from contracts.payloads import Payload
from contracts.stages import StageId


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The quality gate's word: the one output that steers the machine."""

    passed: bool
    score: float
    findings: tuple[Finding, ...] = ()
    changes: tuple[str, ...] = ()
    """What the round did differently than the one before."""


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What the job's last event tells of the article."""

    headline: str
    slug: str
    word_count: int
    aeo_score: float


class StageDone(msgspec.Struct, frozen=True, kw_only=True, tag="done"):
    """The stage produced its output."""

    output: Payload
    verdict: Verdict | None = None
    """Set by the quality stage."""
    summary: Summary | None = None
    """Set by the publish stage."""


class StageRetry(msgspec.Struct, frozen=True, kw_only=True, tag="retry"):
    """The attempt failed in a way that another attempt may cure."""

    reason: str
    code: str = "stage_error"
    after_seconds: float | None = None
    """When the other side said how long to wait; else the pipeline's delays hold."""


class StageFail(msgspec.Struct, frozen=True, kw_only=True, tag="fail"):
    """The stage cannot succeed: another attempt would end the same way."""

    code: str
    reason: str


Outcome = StageDone | StageRetry | StageFail


class StageResult(msgspec.Struct, frozen=True, kw_only=True, tag="stage_result"):
    job_id: SentJobId
    stage: StageId
    run: int
    round: int
    attempt: int
    outcome: Outcome
    started_at: datetime
    finished_at: datetime
    worker: str = ""
