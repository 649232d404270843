"""Jobs and messages of a later release, met by this one while both run during a deploy."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from contracts import codec, streams, subjects
from contracts.commands import RunStage
from contracts.dead_letters import DeadLetter, DeadLetterCode
from contracts.ids import JobId
from contracts.stages import StageId
from orchestrator.dead_letters import DeadLetters
from orchestrator.pipeline import PIPELINES

LATER = 2
SHORTER = {stage: spec for stage, spec in PIPELINES[1].items() if stage is not StageId.TABLE_OF_CONTENTS}
SHORTER[StageId.QUALITY] = msgspec.structs.replace(
    SHORTER[StageId.QUALITY],
    needs=tuple(need for need in SHORTER[StageId.QUALITY].needs if need is not StageId.TABLE_OF_CONTENTS),
)


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hand messages back for a moment only."""
    monkeypatch.setattr("orchestrator.consumers.DEFERRED_SECONDS", 0.05)
    monkeypatch.setattr("orchestrator.consumers.REFUSAL_DELAYS", (0.05,) * 8)


def knowing_more(patch: pytest.MonkeyPatch) -> None:
    """Make this release the later one."""
    for module in ("pipeline", "versions"):
        patch.setattr(f"orchestrator.{module}.PIPELINES", {**PIPELINES, LATER: SHORTER})


@asynccontextmanager
async def later_release(bench: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """Run an orchestrator that has one more pipeline, and no other meanwhile."""
    with monkeypatch.context() as patch:
        knowing_more(patch)
        async with bench.orchestrator():
            yield


async def make_unreadable(bench: Any, job_id: JobId) -> None:
    """Write a job's record as a release would that has another stage and another field."""
    doc = json.loads(await record(bench, job_id))
    doc |= {"stages": {**doc["stages"], "stage_13": doc["stages"]["stage_00"]}, "mood": "calm"}
    await bench.pool.execute("UPDATE jobs.jobs SET doc = $2 WHERE job_id = $1", job_id, json.dumps(doc))


async def stages_of(bench: Any, job_id: JobId) -> set[str]:
    return {event["stage"] for event in await bench.events(job_id) if event["type"] == "stage_completed"}


async def test_new_jobs_get_the_latest_pipeline_and_others_end_with_their_own(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench.orchestrator():
        older = await bench.submit()
        await bench.until(older, "running")
    async with later_release(bench, monkeypatch), bench.workers():
        newer = await bench.submit()
        old, new = await bench.until(older, "completed"), await bench.until(newer, "completed")
    assert (old["stages_completed"], old["total_stages"], old["progress_percent"]) == (13, 13, 100)
    assert (new["stages_completed"], new["total_stages"], new["progress_percent"]) == (12, 12, 100)
    assert await stages_of(bench, older) == set(PIPELINES[1])
    assert await stages_of(bench, newer) == set(SHORTER)
    assert {command.pipeline_version for command in bench.commands if command.job_id == older} == {1}


@pytest.mark.parametrize("unreadable", [False, True])
async def test_a_job_of_a_later_release_is_left_alone_and_goes_on_there(
    bench: Any, monkeypatch: pytest.MonkeyPatch, outcome: Callable[..., Any], *, unreadable: bool
) -> None:
    async with later_release(bench, monkeypatch), bench.workers(keep):
        job_id = await bench.submit()
        await until(lambda: bool(bench.commands))
    (command,) = bench.commands
    before = await record(bench, job_id)
    if unreadable:
        await make_unreadable(bench, job_id)
    as_it_is = await bench.pool.fetchrow("SELECT * FROM jobs.jobs WHERE job_id = $1", job_id)
    async with bench.orchestrator(), bench.workers():
        await bench.report(command, outcome(command))
        await bench.js.publish(*lost(msgspec.structs.replace(command, attempt=2)))  # one that there is not
        for stream in (streams.RESULTS, streams.DEAD_LETTERS):
            await until_delivered(bench, stream, 5)
        await bench.until(await bench.submit(), "completed")
        assert await bench.pool.fetchrow("SELECT * FROM jobs.jobs WHERE job_id = $1", job_id) == as_it_is
    await bench.pool.execute("UPDATE jobs.jobs SET doc = $2 WHERE job_id = $1", job_id, before)
    async with later_release(bench, monkeypatch), bench.workers():
        assert (await bench.until(job_id, "completed"))["total_stages"] == len(SHORTER)


async def test_waiting_jobs_of_a_later_release_hold_up_nobody(
    open_store: Any, submission: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await open_store()
    with monkeypatch.context() as patch:
        knowing_more(patch)
        await store.advance([submission() for _ in range(5)])
    own = submission()
    await store.advance([own])
    assert set((await store.admit(3)).jobs) == {own[0]}


async def test_durations_of_stages_that_only_a_later_release_has_are_no_obstacle(open_store: Any) -> None:
    store = await open_store()
    await store.pool.execute(
        "INSERT INTO jobs.stage_durations VALUES ('stage_13', 1, 1, 1), ('stage_03', 9, 9, 9)"
    )
    await store.record_durations()
    assert store._durations == {StageId.DRAFT: 9}


async def test_a_kind_of_command_that_only_a_later_release_knows_is_handed_back_to_it(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    submission = bench.submission()
    spoken = codec.encode(submission).replace(b'"submit"', b'"submit_later"')
    async with bench.orchestrator():
        await bench.js.publish(subjects.command(submission), spoken)
        await until_delivered(bench, streams.COMMANDS, 3)
    monkeypatch.setattr(codec, "decode_command", lambda _: submission)
    async with bench.orchestrator(), bench.workers():
        await bench.until(submission.job_id, "completed")
    assert await DeadLetters(bench.pool).latest(10) == []


async def keep(_command: RunStage) -> None:
    """Keep a command without a word."""


def lost(command: RunStage) -> tuple[str, bytes]:
    """Return what a worker says that puts a command aside."""
    letter = DeadLetter(
        message_id="BLOG_STAGES/1/1", stream="BLOG_STAGES", subject=subjects.stage(command.stage, command.job_id),
        code=DeadLetterCode.WORKER_LOST, reason="none reported", payload=codec.encode(command), deliveries=6,
        service="stage-workers", at=command.deadline_at,
    )  # fmt: skip
    return subjects.dead_letter(letter), codec.encode(letter)


async def record(bench: Any, job_id: JobId) -> str:
    return str(await bench.pool.fetchval("SELECT doc FROM jobs.jobs WHERE job_id = $1", job_id))


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.02)


async def until_delivered(bench: Any, stream: streams.Stream, times: int) -> None:
    """Wait until the orchestrators were given messages of a stream so often."""
    async with asyncio.timeout(20):
        while (await bench.js.consumer_info(stream.name, "orchestrator")).delivered.consumer_seq < times:
            await asyncio.sleep(0.02)
