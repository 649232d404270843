"""A world around the machine: what it was told, what it asked for, and how workers may answer."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from contracts.articles import Finding
from contracts.commands import CancelJob, RetryJob, SubmitJob
from contracts.events import Event
from contracts.ids import JobId
from contracts.jobs import ArticleRequest, JobState
from contracts.payloads import Inline
from contracts.results import Outcome, StageDone, StageResult, Summary, Verdict
from contracts.stages import StageId
from orchestrator.job import (
    Admit,
    CloseAttempt,
    CommandLost,
    Effect,
    Emit,
    Ignored,
    Input,
    Job,
    SaveOutput,
    SendStage,
    StageStatus,
    Transition,
    WakeUp,
)
from orchestrator.machine import decide
from orchestrator.pipeline import wake_at

START = datetime(2026, 1, 5, 9, tzinfo=UTC)
JOB = JobId("6f1c2f0e-3c57-4f0e-9f0a-2f7d0a4f1d11")
ANSWERED = 60
"""More steps than a job needs when everything works, from wherever it stands."""

Observer = Callable[["World", Input, Transition | Ignored], None]


def done(
    stage: StageId, score: float = 90.0, *, passed: bool = True, findings: tuple[Finding, ...] = ()
) -> StageDone:
    """Return what a stage that works reports."""
    output = Inline(msgspec.Raw(f'"{stage}"'.encode()))
    if stage is StageId.QUALITY:
        return StageDone(output=output, verdict=Verdict(passed=passed, score=score, findings=findings))
    if stage is StageId.PUBLISH:
        return StageDone(
            output=output, summary=Summary(headline="H", slug="h", word_count=900, aeo_score=score)
        )
    return StageDone(output=output)


class World:
    """One job, and everything that happened around it."""

    def __init__(self, observe: Observer | None = None) -> None:
        self.observe = observe
        """Told of every decision before it is carried out."""
        self.now = START
        self.job: Job | None = None
        self.sent: list[SendStage] = []
        """Every command that ever went out, in order."""
        self.events: list[Event] = []
        self.saved: set[tuple[StageId, int]] = set()
        """Outputs that are there, by stage and round."""
        self.closed: list[CloseAttempt] = []

    def happen(self, happened: Input) -> Transition | Ignored:
        """Let the machine decide, and do what it asks for."""
        verdict = decide(self.job, happened, self.now)
        if self.observe is not None:
            self.observe(self, happened, verdict)
        if isinstance(verdict, Transition):
            self.job = verdict.job
            for effect in verdict.effects:
                self._do(effect)
        return verdict

    def _do(self, effect: Effect) -> None:
        match effect:
            case Emit():
                self.events.append(effect.event)
            case SendStage():
                self.sent.append(effect)
            case SaveOutput():
                self.saved.add((effect.stage, effect.round))
            case CloseAttempt():
                self.closed.append(effect)

    def known(self) -> Job:
        assert self.job is not None
        return self.job

    def submit(self, tenant: str = "default", **fields: object) -> Transition | Ignored:
        wanted = {"primary_keyword": "heat", "company_url": "http://127.0.0.1:1", **fields}
        request = msgspec.convert(wanted, ArticleRequest)
        return self.happen(SubmitJob(job_id=JOB, tenant=tenant, request=request, submitted_at=self.now))

    def admit(self) -> Transition | Ignored:
        return self.happen(Admit())

    def cancel(self, tenant: str = "default") -> Transition | Ignored:
        return self.happen(CancelJob(job_id=JOB, tenant=tenant, requested_at=self.now, reason="enough"))

    def retry(self, tenant: str = "default", run: int | None = None) -> Transition | Ignored:
        return self.happen(RetryJob(job_id=JOB, tenant=tenant, requested_at=self.now, run=run))

    def wake(self) -> Transition | Ignored:
        return self.happen(WakeUp())

    def lose(self, command: SendStage) -> Transition | Ignored:
        return self.happen(CommandLost(command.stage, command.run, command.round, command.attempt))

    def answer(self, command: SendStage, outcome: Outcome) -> Transition | Ignored:
        return self.happen(
            StageResult(
                job_id=JOB,
                stage=command.stage,
                run=command.run,
                round=command.round,
                attempt=command.attempt,
                outcome=outcome,
                started_at=self.now,
                finished_at=self.now,
                worker="w1",
            )
        )

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def wait_until_due(self) -> None:
        due = wake_at(self.known())
        assert due is not None
        self.now = max(self.now, due)

    def running(self) -> list[SendStage]:
        """Return the commands whose answers count, one for each stage that runs."""
        job = self.known()
        if job.state is not JobState.RUNNING:
            return []
        current = {
            (stage, record.run, record.round, record.attempt)
            for stage, record in job.stages.items()
            if record.status is StageStatus.RUNNING
        }
        return list({attempt(one): one for one in self.sent if attempt(one) in current}.values())

    def command(self, stage: StageId) -> SendStage:
        """Return the command of a stage that runs."""
        return next(one for one in self.running() if one.stage is stage)

    def work_until(self, stage: StageId | None, score: float = 90.0, *, passed: bool = True) -> None:
        """Answer every stage with success until ``stage`` runs, or nothing does."""
        for _ in range(ANSWERED):
            running = self.running()
            if not running or stage in {one.stage for one in running}:
                return
            self.answer(running[0], done(running[0].stage, score, passed=passed))
        raise AssertionError("the job goes round in circles")

    def healed(self) -> World:
        """Return a copy of this world in which faults have stopped and everything works, after it came to rest."""
        other = copy.copy(self)
        for name in ("sent", "events", "saved", "closed"):
            setattr(other, name, getattr(self, name).copy())
        for _ in range(ANSWERED):
            if not other._go_on():
                return other
        raise AssertionError("the job does not come to rest")

    def _go_on(self) -> bool:
        job = self.known()
        if job.state is JobState.PENDING:
            self.admit()
        elif job.state is JobState.FAILED:
            self.retry()
        elif running := self.running():
            self.answer(running[0], done(running[0].stage))
        elif job.state is JobState.RUNNING:
            self.wait_until_due()
            self.wake()
        return not job.finished or job.state is JobState.FAILED


def attempt(command: SendStage) -> tuple[StageId, int, int, int]:
    return command.stage, command.run, command.round, command.attempt


@pytest.fixture
def new_world() -> Callable[..., World]:
    """Make worlds in which nothing has happened yet."""
    return World


@pytest.fixture
def world() -> World:
    """A world with a running job."""
    world = World()
    world.submit()
    world.admit()
    return world


@pytest.fixture
def success() -> Callable[..., StageDone]:
    """Make what a stage that works reports."""
    return done
