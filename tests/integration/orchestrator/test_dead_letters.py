"""What nobody can process is put aside with its reason, holds nothing up, and can be sent again."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from chassis.atomic import SMALLEST
from chassis.broker import Outgoing, Publisher
from contracts import codec, streams, subjects
from contracts.dead_letters import PAYLOAD_LIMIT, DeadLetter, DeadLetterCode
from orchestrator.dead_letters import DeadLetters


async def until_letters(letters: DeadLetters, count: int) -> list[Any]:
    async with asyncio.timeout(60):
        while len(rows := await letters.latest(100)) < count:
            await asyncio.sleep(0.02)
    return rows


@pytest.mark.parametrize(
    ("subject", "payload", "deliveries"),
    [
        ("blog.cmd.submit.0f0f0f0f-0000-4000-8000-000000000001", b"{nonsense", 1),
        ("blog.cmd.submit.0f0f0f0f-0000-4000-8000-000000000001", b'{"type": "pause"}', 3),
        ("blog.result.0f0f0f0f-0000-4000-8000-000000000001.stage_03", b"\xff\xfe", 1),
        ("blog.dead.BLOG_STAGES", b"[]", 1),
    ],
)
async def test_what_cannot_be_read_is_put_aside_and_the_others_go_on(
    bench: Any, subject: str, payload: bytes, deliveries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is JSON and does not fit may be of a later release: it is handed back first."""
    monkeypatch.setattr("orchestrator.consumers.REFUSAL_DELAYS", (0.05, 0.05))
    letters = DeadLetters(bench.pool)
    async with bench.orchestrator(), bench.workers():
        await bench.js.publish(subject, payload)
        job_id = await bench.submit()
        await bench.until(job_id, "completed")
        (row,) = await until_letters(letters, 1)
    assert (row["subject"], row["code"], row["deliveries"]) == (subject, "undecodable", deliveries)
    assert (await letters.get(row["id"]))["payload"] == payload


async def test_a_command_for_an_unknown_job_is_put_aside_in_the_end(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.consumers.UNKNOWN_JOB_TRIES", 2)
    async with bench.orchestrator():
        await bench.cancel(bench.submission().job_id)
        (row,) = await until_letters(DeadLetters(bench.pool), 1)
    assert (row["code"], row["reason"]) == ("refused", "the job is not known")


async def test_a_stage_command_that_no_worker_can_run_fails_its_job(bench: Any) -> None:
    taken: list[Any] = []

    async def keep(command: Any) -> None:
        taken.append(command)

    async with bench.orchestrator(), bench.workers(keep):
        job_id = await bench.submit()
        await bench.until(job_id, "running")
        async with asyncio.timeout(10):
            while not taken:
                await asyncio.sleep(0.02)
        letter = DeadLetter(
            message_id="BLOG_STAGES/1/1",
            stream="BLOG_STAGES",
            subject=subjects.stage(taken[0].stage, job_id),
            code=DeadLetterCode.WORKER_LOST,
            reason="5 workers took it and none reported",
            payload=codec.encode(taken[0]),
            deliveries=6,
            service="stage-workers",
            at=taken[0].deadline_at,
        )
        for _ in range(2):
            await bench.js.publish(subjects.dead_letter(letter), codec.encode(letter))
        job = await bench.until(job_id, "failed")
        assert (job["error_code"], job["error_stage"]) == ("worker_lost", taken[0].stage)
        assert len(await until_letters(DeadLetters(bench.pool), 1)) == 1


async def test_a_letter_with_a_nul_in_it_is_recorded_and_holds_up_no_other(bench: Any) -> None:
    letter = DeadLetter(
        message_id="BLOG_EVENTS/1/1", stream="BLOG_EVENTS", subject="blog.events.x.completed",
        code=DeadLetterCode.UNDECODABLE, reason="no kind '\0x'", payload=b"\0", deliveries=1, service="notifier",
        at=datetime(2026, 1, 1, tzinfo=UTC),
    )  # fmt: skip
    good = msgspec.structs.replace(letter, message_id="BLOG_EVENTS/2/1", reason="good")
    async with bench.orchestrator():
        for one in (letter, good):
            await bench.js.publish(subjects.dead_letter(one), codec.encode(one))
        rows = await until_letters(DeadLetters(bench.pool), 2)
    assert {row["reason"] for row in rows} == {"good", "no kind '\ufffdx'"}


async def test_a_stage_command_is_not_sent_again(bench: Any) -> None:
    letter = DeadLetter(
        message_id="BLOG_STAGES/1/1", stream="BLOG_STAGES", subject="blog.stage.stage_00.x",
        code=DeadLetterCode.UNDECODABLE, reason="no JSON", payload=b"", deliveries=1, service="stage-workers",
        at=datetime(2026, 1, 1, tzinfo=UTC),
    )  # fmt: skip
    letters = DeadLetters(bench.pool)
    await letters.record([letter])
    (row,) = await letters.latest(1)
    assert await letters.redrive(row["id"]) is None


async def test_a_dead_letter_is_sent_again_once(bench: Any) -> None:
    letters = DeadLetters(bench.pool)
    submission = bench.submission()
    subject = subjects.command(submission)
    async with bench.orchestrator(), bench.workers():
        await bench.js.publish(subject, codec.encode(submission)[:-1], headers={"Nats-Msg-Id": "first"})
        (row,) = await until_letters(letters, 1)
        await bench.pool.execute(
            "UPDATE jobs.dead_letters SET payload = payload || '}'"
        )  # its cause is mended
        assert await letters.redrive(row["id"]) == subject
        await bench.until(submission.job_id, "completed")
        assert await letters.redrive(row["id"]) is None
        assert await letters.waiting() == 0


async def test_a_dead_letter_that_came_in_an_atomic_batch_is_sent_again(bench: Any) -> None:
    letters = DeadLetters(bench.pool)
    submissions = [bench.submission() for _ in range(SMALLEST)]
    messages = [Outgoing(subjects.command(one), codec.encode(one), one.job_id) for one in submissions]
    messages[3] = msgspec.structs.replace(messages[3], payload=messages[3].payload[:-1])
    async with bench.orchestrator():
        await Publisher(bench.js, (streams.COMMANDS,)).publish_all(messages)
        (row,) = await until_letters(letters, 1)
        await bench.pool.execute("UPDATE jobs.dead_letters SET payload = payload || '}'")
        await letters.redrive(row["id"])
        await bench.until(submissions[3].job_id, "pending", "running")


async def test_what_was_cut_off_is_not_sent_again(bench: Any) -> None:
    letters = DeadLetters(bench.pool)
    async with bench.orchestrator():
        await bench.js.publish("blog.cmd.retry.x", b"x" * (PAYLOAD_LIMIT + 1))
        (row,) = await until_letters(letters, 1)
    assert row["truncated"]
    assert row["size"] == PAYLOAD_LIMIT
    assert await letters.redrive(row["id"]) is None
