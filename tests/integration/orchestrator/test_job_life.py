"""Whole lives of jobs through a real orchestrator, Postgres and NATS."""

from __future__ import annotations

import asyncio
import collections
from typing import Any

import msgspec
import pytest

from contracts.commands import RunStage
from contracts.payloads import Inline
from contracts.results import StageDone, StageFail, StageRetry, Summary
from contracts.stages import TOTAL_STAGES, StageId
from contracts.views import EventRow, JobRow, ResultRow, StageRunRow, View


async def test_a_job_goes_through_all_stages(bench: Any) -> None:
    async with bench.orchestrator(), bench.workers():
        job_id = await bench.submit()
        job = await bench.until(job_id, "completed")
    events = await bench.events(job_id)
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert [event["type"] for event in events][:3] == ["submitted", "started", "stage_started"]
    assert events[-1]["type"] == "completed"
    assert job["stages_completed"] == TOTAL_STAGES
    assert job["progress_percent"] == 100
    assert job["quality_score"] == 90
    assert job["last_seq"] == len(events)
    assert (
        await bench.pool.fetchval("SELECT count(*) FROM api.stage_runs WHERE status = 'done'") == TOTAL_STAGES
    )
    result = await bench.pool.fetchval("SELECT result FROM api.results WHERE job_id = $1", job_id)
    assert "stage_12" in result
    await bench.until_empty("SELECT count(*) FROM jobs.outbox")


async def test_inputs_hold_the_outputs_of_earlier_stages(bench: Any) -> None:
    async with bench.orchestrator(), bench.workers():
        await bench.until(await bench.submit(), "completed")
    quality = next(command for command in bench.commands if command.stage is StageId.QUALITY)
    assert set(quality.inputs) == {
        "request", "company", "brief", "research", "draft", "citations", "internal_links", "table_of_contents",
        "metadata", "faq", "images",
    }  # fmt: skip
    assert b'"stage_03"' in bytes(quality.inputs["draft"].value)
    review = next(command for command in bench.commands if command.stage is StageId.REVIEW)
    assert {"earlier_articles", "research"} <= set(review.inputs)


async def test_earlier_articles_come_from_the_same_tenant_with_what_texts_are_compared_by(
    bench: Any, outcome: Any
) -> None:
    async def script(command: RunStage) -> Any:
        if command.stage is StageId.PUBLISH:
            summary = Summary(headline="Chains", slug="chains", word_count=9, aeo_score=80)
            return StageDone(output=Inline(msgspec.Raw(b'{"fingerprint": "00af"}')), summary=summary)
        return outcome(command)

    async with bench.orchestrator(), bench.workers(script):
        first = await bench.submit()
        await bench.until(first, "completed")
        second = await bench.submit()
        await bench.until(second, "completed")
        stranger = await bench.submit("other")
        await bench.until(stranger, "completed")
    reviews = {
        command.job_id: command.inputs["earlier_articles"]
        for command in bench.commands
        if command.stage is StageId.REVIEW
    }
    assert msgspec.json.decode(bytes(reviews[first].value)) == []
    assert msgspec.json.decode(bytes(reviews[stranger].value)) == []
    (known,) = msgspec.json.decode(bytes(reviews[second].value))
    assert (known["job_id"], known["slug"], known["fingerprint"]) == (first, "chains", "00af")


async def test_the_same_submission_twice_is_one_job(bench: Any) -> None:
    submission = bench.submission()
    async with bench.orchestrator(), bench.orchestrator(), bench.workers():
        for _ in range(20):
            await bench.send(submission)
        await bench.until(submission.job_id, "completed")
        await bench.send(submission)
        marker = await bench.submit()
        await bench.until(marker, "completed")
    assert await bench.pool.fetchval("SELECT count(*) FROM jobs.jobs") == 2
    assert len(bench.commands) == 2 * TOTAL_STAGES
    types = [event["type"] for event in await bench.events(submission.job_id)]
    assert (types.count("submitted"), types.count("started"), types.count("completed")) == (1, 1, 1)


async def test_characters_that_postgres_cannot_hold_hold_up_no_job(bench: Any, outcome: Any) -> None:
    async def script(command: RunStage) -> Any:
        if command.stage is StageId.COMPANY and command.attempt == 1:
            return StageRetry(reason="the page says \x00", code="odd\x00", after_seconds=0)
        if command.stage is StageId.PUBLISH:
            summary = Summary(headline="A\x00B", slug="a-b", word_count=9, aeo_score=80)
            return StageDone(output=Inline(msgspec.Raw(b'{"headline": "A\\u0000B"}')), summary=summary)
        return outcome(command)

    async with bench.orchestrator(), bench.workers(script):
        job_id = await bench.submit()
        await bench.until(job_id, "completed")
    assert await bench.pool.fetchval("SELECT headline FROM jobs.results") == "A\ufffdB"
    result = await bench.pool.fetchval("SELECT result FROM api.results")
    assert msgspec.json.decode(result) == {"headline": "A\ufffdB"}
    retrying = await bench.pool.fetchrow(
        "SELECT error, error_code FROM api.stage_runs WHERE status = 'retrying'"
    )
    assert tuple(retrying) == ("the page says \ufffd", "odd\ufffd")


async def test_a_failing_attempt_is_tried_again_and_a_fatal_one_ends_the_job(
    bench: Any, outcome: Any
) -> None:
    async def script(command: RunStage) -> Any:
        if command.stage is StageId.COMPANY and command.attempt == 1:
            return StageRetry(reason="busy", code="http_503", after_seconds=0.1)
        if command.stage is StageId.BRIEF and command.run == 1:
            return StageFail(code="no_material", reason="the site says nothing")
        return outcome(command)

    async with bench.orchestrator(), bench.workers(script):
        job_id = await bench.submit()
        failed = await bench.until(job_id, "failed")
        assert (failed["error_code"], failed["error_stage"]) == ("no_material", "stage_01")
        await bench.retry(job_id)
        await bench.until(job_id, "completed")
    starts = collections.Counter(c.stage for c in bench.commands)
    assert starts[StageId.COMPANY] == 2
    assert starts[StageId.BRIEF] == 2
    types = [event["type"] for event in await bench.events(job_id)]
    assert types.count("submitted") == 2
    assert types.count("stage_retrying") == 1
    assert types.count("failed") == 1


async def test_a_refused_round_starts_again_from_the_draft_and_the_best_goes_on(
    bench: Any, outcome: Any
) -> None:
    scores = {1: 60.0, 2: 72.0, 3: 65.0}

    async def script(command: RunStage) -> Any:
        return outcome(command, scores[command.round], passed=False)

    async with bench.orchestrator(), bench.workers(script):
        job_id = await bench.submit()
        await bench.until(job_id, "completed")
    drafts = [command for command in bench.commands if command.stage is StageId.DRAFT]
    assert [command.round for command in drafts] == [1, 2, 3]
    assert b"60" in bytes(drafts[1].inputs["rounds"].value)
    review = next(command for command in bench.commands if command.stage is StageId.REVIEW)
    assert b'"round":2' in bytes(review.inputs["quality"].value)
    rejected = [event for event in await bench.events(job_id) if event["type"] == "quality_rejected"]
    assert [event["next_round"] for event in rejected] == [2, 3, None]


async def test_cancelling_ends_the_job_and_late_results_change_nothing(bench: Any, outcome: Any) -> None:
    arrived = asyncio.Event()

    async def script(command: RunStage) -> Any:
        if command.stage is StageId.BRIEF:
            arrived.set()
            return None
        return outcome(command)

    async with bench.orchestrator(), bench.workers(script):
        heard = await bench.client.subscribe("blog.control.cancelled.*")
        job_id = await bench.submit()
        await asyncio.wait_for(arrived.wait(), 10)
        await bench.cancel(job_id)
        await bench.until(job_id, "cancelled")
        assert (await heard.next_msg(5)).subject.endswith(job_id)
        brief = bench.commands[-1]
        await bench.report(brief, outcome(brief))
        marker = await bench.submit()
        await bench.cancel(marker)
        await bench.until(marker, "cancelled")
        await bench.until_empty("SELECT count(*) FROM jobs.outbox")
        assert (await bench.js.stream_info("BLOG_STAGES")).state.messages == 0
    assert (await bench.job(job_id))["state"] == "cancelled"
    assert (await bench.events(job_id))[-1]["type"] == "cancelled"


async def test_a_message_that_cannot_be_read_holds_up_nothing(bench: Any) -> None:
    async with bench.orchestrator(), bench.workers():
        await bench.js.publish("blog.cmd.submit.x", b"not json")
        await bench.js.publish("blog.result.x.stage_00", b'{"type": "something else"}')
        await bench.until(await bench.submit(), "completed")
        async with asyncio.timeout(10):
            while (await bench.js.stream_info("BLOG_COMMANDS")).state.messages:
                await asyncio.sleep(0.05)


async def test_what_a_crash_left_in_the_outbox_is_sent(bench: Any) -> None:
    """A crash between commit and publish: the rows are there, nothing was sent."""
    async with bench.orchestrator():
        job_id = await bench.submit()
        await bench.until(job_id, "running")
        await bench.until_empty("SELECT count(*) FROM jobs.outbox")
    await bench.js.purge_stream("BLOG_STAGES")
    message = await bench.pool.fetchrow("SELECT body FROM jobs.events ORDER BY seq LIMIT 1")
    await bench.pool.execute(
        "INSERT INTO jobs.outbox (subject, msg_id, payload, created_at)"
        " VALUES ('blog.events.x.submitted', 'lost', $1, now() - interval '1 minute')",
        message["body"].encode(),
    )
    async with bench.orchestrator():
        await bench.until_empty("SELECT count(*) FROM jobs.outbox")
    assert (await bench.js.get_last_msg("BLOG_EVENTS", "blog.events.x.submitted")).data == message[
        "body"
    ].encode()


@pytest.mark.parametrize("view", [JobRow, ResultRow, EventRow, StageRunRow])
async def test_the_views_have_the_columns_that_others_rely_on(bench: Any, view: type[View]) -> None:
    statement = await bench.pool.fetch(
        "SELECT column_name FROM information_schema.columns WHERE table_schema || '.' || table_name = $1"
        " ORDER BY ordinal_position",
        view.VIEW,
    )
    assert [row["column_name"] for row in statement] == list(view.__struct_fields__)


@pytest.mark.parametrize("days", [0.5, 30])
async def test_ended_jobs_are_deleted_after_the_days_of_the_setting(bench: Any, days: float) -> None:
    async with bench.orchestrator(), bench.workers():
        old, young = await bench.submit(), await bench.submit()
        await bench.until(old, "completed")
        await bench.until(young, "completed")
    await bench.pool.execute(
        "UPDATE jobs.jobs SET finished_at = now() - interval '1 hour' *"
        " (CASE job_id::text WHEN $1 THEN $2::float + 1 ELSE $2::float - 1 END)",
        old,
        24 * days,
    )
    async with bench.orchestrator(job_cleanup_days=days):
        async with asyncio.timeout(10):
            while (await bench.job(old))["state"]:
                await asyncio.sleep(0.05)
        assert (await bench.job(young))["state"] == "completed"
