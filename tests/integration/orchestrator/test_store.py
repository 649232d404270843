"""Batches in a real Postgres: one transaction each, whatever several stores do at once."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from blog_writer.migrations import SCHEMAS, migrate_all
from chassis.clock import FrozenClock
from contracts import codec
from contracts.commands import CancelJob, RetryJob, RunStage
from contracts.ids import JobId
from contracts.results import Outcome, StageFail, StageResult, StageRetry
from contracts.stages import StageId
from orchestrator.fold import Happening, Refused
from orchestrator.job import Admit, CommandLost, Ignored, SendStage, Transition, WakeUp

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)

OpenStore = Callable[..., Any]


def result(
    job_id: JobId, outcome: Outcome, stage: StageId = StageId.COMPANY, run: int = 1, attempt: int = 1
) -> Happening:
    return job_id, StageResult(
        job_id=job_id, stage=stage, run=run, round=1, attempt=attempt, outcome=outcome,
        started_at=NOW, finished_at=NOW,
    )  # fmt: skip


def cancel(job_id: JobId) -> Happening:
    return job_id, CancelJob(job_id=job_id, tenant="default", requested_at=NOW)


def retry(job_id: JobId) -> Happening:
    return job_id, RetryJob(job_id=job_id, tenant="default", requested_at=NOW)


def command(stage: StageId, run: int = 1) -> SendStage:
    return SendStage(stage=stage, run=run, round=1, attempt=1, timeout_seconds=1, reads={})


async def numbers(store: Any) -> dict[str, list[int]]:
    """Return the numbers of each job's events."""
    rows = await store.pool.fetch(
        "SELECT job_id, array_agg(seq ORDER BY seq) AS seqs FROM jobs.events GROUP BY 1"
    )
    return {row["job_id"]: row["seqs"] for row in rows}


async def outbox(store: Any) -> list[asyncpg.Record]:
    rows: list[asyncpg.Record] = await store.pool.fetch("SELECT * FROM jobs.outbox ORDER BY id")
    return rows


async def test_a_batch_may_hold_the_same_job_many_times(
    open_store: OpenStore, submission: Any, outcome: Any
) -> None:
    store = await open_store()
    job_id, submit = submission()
    done = outcome(command(StageId.COMPANY))
    batch = [
        cancel(job_id),
        (job_id, submit),
        (job_id, submit),
        (job_id, Admit()),
        (job_id, Admit()),
        result(job_id, StageRetry(reason="busy", after_seconds=0)),
        (job_id, WakeUp()),
        result(job_id, done, attempt=2),
        result(job_id, done, attempt=2),
        result(job_id, StageFail(code="c", reason="r"), StageId.BRIEF),
    ]
    advanced = await store.advance(batch)
    assert [type(verdict) for verdict in advanced.verdicts] == [
        Ignored, Transition, Ignored, Transition, Ignored, Transition, Transition, Transition, Ignored, Transition,
    ]  # fmt: skip
    assert await numbers(store) == {job_id: list(range(1, 9))}
    runs = await store.pool.fetch("SELECT stage, attempt, status FROM jobs.stage_runs ORDER BY 1, 2")
    assert [tuple(row) for row in runs] == [
        ("stage_00", 1, "retrying"), ("stage_00", 2, "done"), ("stage_01", 1, "failed"),
    ]  # fmt: skip
    assert [row["subject"].split(".")[-1] for row in await outbox(store)] == [
        "submitted", "started", "stage_started", "stage_retrying", "stage_started", "stage_completed",
        "stage_started", "failed",
    ]  # fmt: skip
    assert [message.msg_id for _, message in advanced.messages] == [
        row["msg_id"] for row in await outbox(store)
    ]


async def test_a_batch_in_which_a_job_fails_and_starts_again_sends_only_what_still_counts(
    open_store: OpenStore, submission: Any, outcome: Any
) -> None:
    store = await open_store()
    job_id, submit = submission()
    failure = result(job_id, StageFail(code="c", reason="r"), StageId.BRIEF)
    batch = [(job_id, submit), (job_id, Admit()), result(job_id, outcome(command(StageId.COMPANY))), failure]
    await store.advance([*batch, retry(job_id)])
    assert not [row for row in await outbox(store) if row["subject"].startswith("blog.stage.")]
    await store.advance([(job_id, Admit())])
    [sent] = [row for row in await outbox(store) if row["subject"].startswith("blog.stage.")]
    assert codec.decode(sent["payload"], RunStage).run == 2
    assert set(codec.decode(sent["payload"], RunStage).inputs) == {"request", "company"}


async def test_a_stopped_job_leaves_no_command_to_send_and_others_keep_theirs(
    open_store: OpenStore, submission: Any
) -> None:
    store = await open_store()
    first, second = submission(), submission()
    await store.advance([first, second, (first[0], Admit()), (second[0], Admit())])
    advanced = await store.advance([cancel(first[0])])
    assert advanced.stopped == [first[0]]
    subjects = [row["subject"] for row in await outbox(store)]
    assert [one for one in subjects if one.startswith("blog.stage.")] == [f"blog.stage.stage_00.{second[0]}"]
    assert f"blog.events.{first[0]}.cancelled" in subjects


async def test_what_the_database_refuses_leaves_nothing_of_its_batch(
    open_store: OpenStore, submission: Any
) -> None:
    store = await open_store()
    good, bad = submission(), submission(primary_keyword="a\x00b")
    with pytest.raises(asyncpg.DataError):
        await store.advance([good, bad])
    assert await store.pool.fetchval("SELECT count(*) FROM jobs.jobs") == 0
    assert await outbox(store) == []


async def test_submissions_racing_in_several_stores_make_each_job_once(
    open_store: OpenStore, submission: Any
) -> None:
    stores = [await open_store() for _ in range(3)]
    jobs = [submission(tenant=f"t{number}") for number in range(40)]
    chance = random.Random(7)  # noqa: S311  a fixed sequence
    batches = [chance.sample(jobs, 20) + chance.sample(jobs, 20) for _ in range(12)] + [jobs]
    advanced = await asyncio.gather(
        *(stores[number % 3].advance(batch) for number, batch in enumerate(batches))
    )
    verdicts: Counter[str] = Counter()
    for batch, one in zip(batches, advanced, strict=True):
        for (job_id, _), verdict in zip(batch, one.verdicts, strict=True):
            assert verdict == Ignored("duplicate") or isinstance(verdict, Transition)
            verdicts[job_id] += isinstance(verdict, Transition)
    assert verdicts == dict.fromkeys((job_id for job_id, _ in jobs), 1)
    assert await numbers(stores[0]) == {job_id: [1] for job_id, _ in jobs}
    assert len(await outbox(stores[0])) == len(jobs)


@pytest.mark.timeout(120)
async def test_overlapping_batches_of_several_stores_never_block_one_another_for_good(
    open_store: OpenStore, submission: Any, outcome: Any
) -> None:
    """Every input comes to every store, in another order each; a deadlock would be raised by Postgres."""
    stores = [await open_store() for _ in range(3)]
    jobs = [submission() for _ in range(30)]
    ids = [job_id for job_id, _ in jobs]
    await stores[0].advance([*jobs, *((job_id, Admit()) for job_id in ids)])
    done = outcome(command(StageId.COMPANY))
    inputs = [
        *jobs,
        *(result(job_id, done) for job_id in ids),
        *((job_id, CommandLost(StageId.COMPANY, 1, 1, 1)) for job_id in ids),
        *(result(job_id, StageFail(code="c", reason="r"), StageId.BRIEF) for job_id in ids[:15]),
        *(retry(job_id) for job_id in ids[:15]),
        *((job_id, Admit()) for job_id in ids[:15]),
    ]

    async def churn(number: int) -> None:
        store, chance = stores[number % 3], random.Random(number)  # noqa: S311  a fixed sequence
        for _ in range(6):
            order = chance.sample(inputs, len(inputs))
            for start in range(0, len(order), 25):
                advanced = await store.advance(order[start : start + 25])
                assert not any(isinstance(verdict, Refused) for verdict in advanced.verdicts)
                sent = [row for row, _ in advanced.messages]
                chance.shuffle(sent)
                await store.pool.execute(store.outbox._delete, sent)

    await asyncio.gather(*(churn(number) for number in range(6)))
    ends = await asyncio.gather(*(store.advance([cancel(job_id) for job_id in ids]) for store in stores))
    assert sum(isinstance(verdict, Transition) for end in ends for verdict in end.verdicts) <= len(ids)
    assert await stores[0].pool.fetchval("SELECT count(*) FROM jobs.stage_runs WHERE status = 'running'") == 0
    assert all(seqs == list(range(1, len(seqs) + 1)) for seqs in (await numbers(stores[0])).values())


async def test_a_command_that_waits_to_be_sent_is_dropped_while_others_confirm_theirs(
    open_store: OpenStore, submission: Any
) -> None:
    """Locks of both are taken in any order the planner likes; neither may wait for the other for good."""
    one, other = await open_store(), await open_store()
    for _ in range(10):
        jobs = [submission() for _ in range(20)]
        sent = await one.advance([*jobs, *((job_id, Admit()) for job_id, _ in jobs)])
        rows = [row for row, _ in sent.messages]
        await asyncio.gather(
            *(one.pool.execute(one.outbox._delete, rows[::-1][start::4]) for start in range(4)),
            other.advance([cancel(job_id) for job_id, _ in jobs]),
        )
    subjects = [row["subject"] for row in await outbox(one)]
    assert not [subject for subject in subjects if subject.startswith("blog.stage.")]


async def test_how_long_a_retried_job_has_run_counts_from_its_last_start(
    open_store: OpenStore, submission: Any
) -> None:
    clock = FrozenClock(NOW)
    store = await open_store(clock)
    job_id, submit = submission(at=NOW)
    await store.advance([(job_id, submit), (job_id, Admit())])
    clock.advance(100)
    assert tuple(await store.counts()) == (0, 1, 100.0)
    await store.advance([result(job_id, StageFail(code="c", reason="r"))])
    clock.advance(86_400)
    await store.advance([retry(job_id)])
    assert tuple(await store.counts()) == (1, 0, 0.0)
    await store.advance([(job_id, Admit())])
    clock.advance(7)
    assert tuple(await store.counts()) == (0, 1, 7.0)


async def test_stages_usually_take_what_their_latest_successes_took(
    open_store: OpenStore, submission: Any, outcome: Any
) -> None:
    clock = FrozenClock(NOW)
    stores = [await open_store(clock) for _ in range(2)]
    for seconds in (10, 20, 90):
        job_id, submit = submission(at=clock.now())
        await stores[0].advance([(job_id, submit), (job_id, Admit())])
        clock.advance(seconds)
        await stores[0].advance([result(job_id, outcome(command(StageId.COMPANY)))])
    await asyncio.gather(*(store.record_durations() for store in stores * 5))
    assert stores[1]._durations == {StageId.COMPANY: 20.0}
    row = await stores[0].pool.fetchrow("SELECT p90_seconds, samples FROM jobs.stage_durations")
    assert tuple(row) == (76.0, 3)


async def test_migrations_of_all_services_run_by_several_at_once_are_applied_once(database_url: str) -> None:
    applied = await asyncio.gather(*(migrate_all(database_url) for _ in range(4)))
    names = [name for one in applied for name in one]
    assert len(names) == len(set(names))
    assert {name.partition(":")[0] for name in names} == {schema for schema, _ in SCHEMAS}
    assert await migrate_all(database_url) == []
