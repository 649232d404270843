"""Laws of the state machine, on a network that repeats, reorders, delays and loses what it carries."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import event, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from contracts.articles import Finding
from contracts.commands import RetryJob
from contracts.events import StageCompleted, StageStarted
from contracts.jobs import TERMINAL_STATES, JobState
from contracts.results import Outcome, StageDone, StageFail, StageResult, StageRetry
from contracts.stages import StageId, reads
from orchestrator.job import (
    CloseAttempt,
    CommandLost,
    Emit,
    Ignored,
    Input,
    Job,
    SaveOutput,
    SaveResult,
    SendStage,
    StageStatus,
    StopStages,
    Transition,
)
from orchestrator.machine import STATES, decide
from orchestrator.pipeline import (
    MAX_ROUNDS,
    PIPELINES,
    Pipeline,
    StageSpec,
    pipeline,
    progress_percent,
    ready,
    round_stages,
    total_stages,
    wake_at,
)

delays = st.none() | st.floats(min_value=-5, max_value=1e6)
retry_later = st.builds(StageRetry, reason=st.just("busy"), after_seconds=delays)
give_up = st.builds(StageFail, code=st.just("no_material"), reason=st.just("nothing there"))
success_asked = st.just("success")
outcomes = st.one_of(success_asked, success_asked, retry_later, retry_later, retry_later, give_up)
verdicts = st.tuples(st.integers(0, 100).map(float), st.sampled_from([False, False, True]), st.integers(0, 2))
stages = st.sampled_from(StageId)
numbers = st.integers(1, 4)
any_command = st.builds(
    SendStage, stage=stages, run=numbers, round=numbers, attempt=numbers,
    timeout_seconds=st.just(1.0), reads=st.just({}),
)  # fmt: skip


def _shorter() -> Pipeline:
    """Leave two stages out, and let one wait for another."""
    table = {stage: spec for stage, spec in PIPELINES[1].items() if stage not in SKIPPED}
    table[StageId.FAQ] = StageSpec(
        needs=(StageId.METADATA,), timeout_seconds=60, delays=(), typical_seconds=1
    )
    needs = (StageId.CITATIONS, StageId.FAQ, StageId.IMAGES)
    table[StageId.QUALITY] = msgspec.structs.replace(table[StageId.QUALITY], needs=needs)
    return table


def _straight() -> Pipeline:
    """Run one stage after another, and try each more often."""
    spec = StageSpec(timeout_seconds=90, delays=(1.0,) * 5, typical_seconds=1)
    needs = {after: (stage,) for stage, after in pairwise(StageId)}
    return {stage: msgspec.structs.replace(spec, needs=needs.get(stage, ())) for stage in StageId}


SKIPPED = frozenset({StageId.INTERNAL_LINKS, StageId.TABLE_OF_CONTENTS})
VERSIONS = {1: PIPELINES[1], 2: _shorter(), 3: _straight()}


class Release:
    """What is deployed, as far as new jobs are concerned."""

    latest = 1


class Laws(RuleBasedStateMachine):
    """Everything that may happen to a job, in any order; every step is held against the laws."""

    def __init__(
        self, new_world: Callable[..., Any], success: Callable[..., StageDone], release: Release
    ) -> None:
        super().__init__()
        self.new_world = new_world
        self.success = success
        self.release = release

    @initialize(
        priority=st.integers(1, 3), minutes=st.sampled_from([1, 20, 60]), version=st.sampled_from([*VERSIONS])
    )
    def submitted(self, priority: int, minutes: int, version: int) -> None:
        self.version = self.release.latest = version
        self.world = self.new_world(holds_the_laws)
        self.world.submit(priority=priority, max_duration_minutes=minutes)

    @rule(version=st.sampled_from([*VERSIONS]))
    def another_pipeline_deployed(self, version: int) -> None:
        self.release.latest = version

    @precondition(lambda self: self.world.job.state in {JobState.COMPLETED, JobState.CANCELLED})
    @rule(minutes=st.sampled_from([1, 20, 60]))
    def another_submitted(self, minutes: int) -> None:
        self.stood()
        self.submitted(2, minutes, self.release.latest)

    @rule(tenant=st.sampled_from(["default", "other"]), command=any_command, outcome=outcomes)
    def something_out_of_place(self, tenant: str, command: SendStage, outcome: Outcome | str) -> None:
        self.world.answer(command, self.outcome(command, outcome))
        self.world.lose(command)
        assert self.world.submit(tenant) == Ignored("duplicate")
        assert self.world.cancel("other") == Ignored("other_tenant")
        assert self.world.retry("other") == Ignored("other_tenant")
        if self.world.job.state is not JobState.FAILED:
            assert isinstance(self.world.retry(), Ignored)
        if self.world.job.state is not JobState.PENDING:
            assert self.world.admit() == Ignored("not_pending")

    @precondition(lambda self: self.world.job.state is JobState.PENDING)
    @rule()
    def admitted(self) -> None:
        self.world.admit()

    @rule(one_in_ten=st.integers(0, 9))
    def cancelled(self, one_in_ten: int) -> None:
        if one_in_ten == 0:
            self.world.cancel()

    @precondition(lambda self: self.world.job.state is JobState.FAILED)
    @rule(run=st.sampled_from([None, None, 1, 2]))
    def retried(self, run: int | None) -> None:
        accepted = run in {None, self.world.job.run}
        assert isinstance(self.world.retry(run=run), Transition) is accepted

    @rule(seconds=st.floats(0, 60) | st.floats(0, 900) | st.floats(0, 4000))
    def time_passes(self, seconds: float) -> None:
        self.world.wait(seconds)
        self.world.wake()

    @precondition(lambda self: wake_at(self.world.job) is not None)
    @rule()
    def woken_when_due(self) -> None:
        self.world.wait_until_due()
        assert isinstance(self.world.wake(), Transition), "woken for nothing"

    @precondition(lambda self: self.world.running())
    @rule(data=st.data(), outcome=outcomes)
    def current_command_answered(self, data: st.DataObject, outcome: Outcome | str) -> None:
        command = data.draw(st.sampled_from(self.world.running()))
        self.world.answer(command, self.outcome(command, outcome))

    @precondition(lambda self: self.world.running())
    @rule(data=st.data(), times=st.integers(2, 4))
    def a_stage_keeps_failing(self, data: st.DataObject, times: int) -> None:
        stage = data.draw(st.sampled_from(self.world.running())).stage
        for _ in range(times):
            for command in self.world.running():
                if command.stage is stage:
                    self.world.answer(command, StageRetry(reason="busy", after_seconds=1))
            self.world.wait(1)
            self.world.wake()

    @precondition(lambda self: self.world.sent)
    @rule(data=st.data(), outcome=outcomes)
    def any_command_answered(self, data: st.DataObject, outcome: Outcome | str) -> None:
        command = data.draw(st.sampled_from(self.world.sent))
        self.world.answer(command, self.outcome(command, outcome))

    def outcome(self, command: SendStage, outcome: Outcome | str) -> Outcome:
        return self.success(command.stage) if isinstance(outcome, str) else outcome

    @precondition(
        lambda self: {StageId.QUALITY, StageId.PUBLISH} & {one.stage for one in self.world.running()}
    )
    @rule()
    def steering_stage_reported_nothing(self) -> None:
        for command in self.world.running():
            if command.stage in {StageId.QUALITY, StageId.PUBLISH}:
                self.world.answer(command, self.success(StageId.COMPANY))
                assert self.world.job.state is JobState.FAILED

    @precondition(lambda self: self.world.running())
    @rule(until=stages)
    def stages_work(self, until: StageId) -> None:
        self.world.work_until(until)

    @precondition(lambda self: self.world.running())
    @rule(verdicts=st.lists(verdicts, min_size=1, max_size=MAX_ROUNDS))
    def rounds_judged(self, verdicts: list[tuple[float, bool, int]]) -> None:
        for score, passed, critical in verdicts:
            self.world.work_until(StageId.QUALITY)
            findings = tuple(Finding(code="c", message="m", critical=True) for _ in range(critical))
            for command in self.world.running():
                if command.stage is StageId.QUALITY:
                    outcome = self.success(StageId.QUALITY, score, passed=passed, findings=findings)
                    self.world.answer(command, outcome)

    @precondition(lambda self: self.world.sent)
    @rule(data=st.data())
    def any_command_lost(self, data: st.DataObject) -> None:
        command = data.draw(st.sampled_from(self.world.sent))
        before = self.world.job
        self.world.lose(command)
        assert self.world.job == before, "a lost command changed the job"

    @invariant()
    def waits_for_something(self) -> None:
        job = self.world.job
        if job.state is not JobState.RUNNING:
            assert wake_at(job) is None
            assert self.world.running() == []
            return
        unfinished = [record for record in job.stages.values() if record.status is not StageStatus.DONE]
        assert unfinished
        assert {record.status for record in unfinished} <= {StageStatus.RUNNING, StageStatus.WAITING}
        assert ready(job) == ()
        running = sum(record.status is StageStatus.RUNNING for record in unfinished)
        assert len(self.world.running()) == running, "a stage runs without a command"
        dues = [record.due_at for record in unfinished if record.status is StageStatus.WAITING]
        assert wake_at(job) == min([job.deadline_at, *dues])

    @invariant()
    def keeps_its_pipeline(self) -> None:
        job = self.world.job
        assert job.pipeline_version == self.version
        assert set(job.stages) <= set(VERSIONS[self.version])
        for command in self.world.sent:
            assert command.timeout_seconds <= VERSIONS[self.version][command.stage].timeout_seconds

    @invariant()
    def stays_within_bounds(self) -> None:
        job = self.world.job
        percent = progress_percent(job)
        assert 0 <= percent <= 100
        assert (percent == 100) is (job.state is JobState.COMPLETED)
        assert job.round <= MAX_ROUNDS
        assert [report.round for report in job.rounds] == list(range(1, len(job.rounds) + 1))
        assert sum(report.chosen for report in job.rounds) <= 1
        for stage, record in job.stages.items():
            assert record.attempt <= pipeline(job)[stage].attempts
            assert record.run <= job.run
            assert record.round <= job.round

    @invariant()
    def ends_only_with_what_an_end_needs(self) -> None:
        job = self.world.job
        assert (job.finished_at is not None) is job.finished
        assert (job.error is not None) is (job.error_code is not None) is (job.state is JobState.FAILED)
        assert (job.summary is not None) is (job.state is JobState.COMPLETED)
        if job.state is JobState.COMPLETED:
            assert set(job.stages) == set(pipeline(job))
            assert {record.status for record in job.stages.values()} == {StageStatus.DONE}
            assert_best_round_chosen(job)

    @invariant()
    def every_attempt_ends_once(self) -> None:
        """Open are the attempts that run; when the job has ended, none."""
        opened = [key(command) for command in self.world.sent if not command.repeated]
        closed = [key(attempt) for attempt in self.world.closed]
        assert len(opened) == len(set(opened))
        assert len(closed) == len(set(closed))
        assert set(opened) - set(closed) == {key(command) for command in self.world.running()}
        assert set(closed) <= set(opened)

    def stood(self) -> None:
        """Liveness: wherever a job stands, once faults stop it ends, and with an article unless it was cancelled."""
        job = self.world.job
        event(
            f"stood at {job.state}, pipeline {job.pipeline_version}, run {min(job.run, 3)}, round {job.round}"
        )
        expected = JobState.CANCELLED if job.state is JobState.CANCELLED else JobState.COMPLETED
        healed = self.world.healed().job
        assert healed.state is expected
        if healed.state is JobState.COMPLETED:
            assert_best_round_chosen(healed)

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.stood()


def holds_the_laws(world: Any, happened: Input, verdict: Transition | Ignored) -> None:
    """Hold a decision against the laws, before the world carries it out."""
    assert decide(world.job, happened, world.now) == verdict, "the same facts led to two decisions"
    if isinstance(happened, StageResult | CommandLost):
        counts = key(happened) in {key(command) for command in world.running()}
        assert isinstance(verdict, Transition) is counts, (
            "only the attempt that runs counts, and it always does"
        )
    if isinstance(verdict, Ignored):
        event(f"ignored: {verdict.reason}")
        return
    follows_the_table(world.job, happened, verdict.job)
    tells_its_story(world.job, verdict)
    if world.job is not None:
        moves_forward(world.job, verdict, world.now)
        keeps_what_is_done(world.job, happened, verdict)
    sends_what_can_run(world, verdict)


def follows_the_table(before: Job | None, happened: Input, after: Job) -> None:
    state = before.state if before else None
    assert after.state in STATES[state][type(happened)]
    assert state not in TERMINAL_STATES or isinstance(happened, RetryJob)


def moves_forward(before: Job, verdict: Transition, now: datetime) -> None:
    """Run and round only grow; an attempt at a stage is newer than the one before, or the same again."""
    job = verdict.job
    assert (job.run, job.round) >= (before.run, before.round)
    for effect in verdict.effects:
        old = before.stages.get(effect.stage) if isinstance(effect, SendStage) else None
        if not isinstance(effect, SendStage) or old is None:
            continue
        new, previous = (effect.run, effect.round, effect.attempt), (old.run, old.round, old.attempt)
        assert (new == previous) if effect.repeated else (new > previous)
        assert effect.repeated or old.due_at is None or old.due_at <= now, "tried again before it was due"


def keeps_what_is_done(before: Job, happened: Input, verdict: Transition) -> None:
    """What is done is not done again, unless the gate asks for another round; then all of the round is."""
    finished = {stage for stage, record in before.stages.items() if record.status is StageStatus.DONE}
    lost = finished - {
        stage for stage, record in verdict.job.stages.items() if record.status is StageStatus.DONE
    }
    if verdict.job.round == before.round:
        assert not lost
    else:
        assert lost == round_stages(before.pipeline_version) - {StageId.QUALITY}
        assert happened.outcome.verdict.passed is False


def tells_its_story(before: Job | None, verdict: Transition) -> None:
    """Numbers without gaps, in order; at most one attempt of a stage at a time; the end is told last and once."""
    events = [effect.event for effect in verdict.effects if isinstance(effect, Emit)]
    first = before.seq if before else 0
    assert [one.seq for one in events] == list(range(first + 1, first + 1 + len(events)))
    assert verdict.job.seq == first + len(events)
    assert all(one.job_id == verdict.job.job_id and one.tenant == verdict.job.tenant for one in events)
    for one in events:
        if isinstance(one, StageCompleted):
            assert (one.progress_percent == 100) is (one.stages_completed == total_stages(verdict.job))
            assert one.progress_percent <= 100
    started = [one.stage for one in events if isinstance(one, StageStarted)]
    assert len(started) == len(set(started))
    ends = [one for one in events if type(one).__name__.lower() in TERMINAL_STATES]
    assert len(ends) == (verdict.job.finished and not (before and before.finished))
    assert not ends or ends == events[-1:]


def sends_what_can_run(world: Any, verdict: Transition) -> None:
    """A command asks for outputs that are there, all of one round, and goes out again only when it was lost."""
    saved = set(world.saved)
    earlier = {key(command) for command in world.sent}
    table, again = pipeline(verdict.job), round_stages(verdict.job.pipeline_version)
    for effect in verdict.effects:
        if isinstance(effect, SaveOutput):
            saved.add((effect.stage, effect.round))
        if isinstance(effect, SendStage):
            assert set(effect.reads) == set(reads(effect.stage)) & set(table)
            assert set(effect.reads.items()) <= saved
            assert len({number for stage, number in effect.reads.items() if stage in again}) <= 1
            assert (key(effect) in earlier) is effect.repeated
    kinds = [type(effect) for effect in verdict.effects]
    assert kinds.count(StopStages) == (verdict.job.state in {JobState.FAILED, JobState.CANCELLED})
    assert kinds.count(SaveResult) == (verdict.job.state is JobState.COMPLETED)


def key(attempt: SendStage | CloseAttempt | StageResult | CommandLost) -> tuple[StageId, int, int, int]:
    return attempt.stage, attempt.run, attempt.round, attempt.attempt


def assert_best_round_chosen(job: Job) -> None:
    """The round that passed goes on; without one the best, and the published stages are that round's."""
    [chosen] = [report for report in job.rounds if report.chosen]
    assert {job.stages[stage].round for stage in round_stages(job.pipeline_version)} == {chosen.round}
    passed = [report for report in job.rounds if report.passed]
    if passed:
        assert passed == [chosen]
        assert chosen.round == job.round
    else:
        assert len(job.rounds) == MAX_ROUNDS
        assert chosen.score == max(report.score for report in job.rounds)


@pytest.fixture
def release(monkeypatch: pytest.MonkeyPatch) -> Release:
    """A release with several pipelines."""
    release = Release()
    monkeypatch.setattr("orchestrator.pipeline.PIPELINES", VERSIONS)
    monkeypatch.setattr("orchestrator.machine.latest_version", lambda: release.latest)
    return release


def test_no_order_of_events_breaks_the_laws(
    new_world: Callable[..., Any], success: Callable[..., StageDone], release: Release
) -> None:
    run_state_machine_as_test(
        lambda: Laws(new_world, success, release),
        settings=settings(max_examples=300, stateful_step_count=60, deadline=None, database=None),
    )
