"""Who runs, over all replicas, and how long ended jobs are kept."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chassis.broker import ensure_stream
from chassis.clock import FrozenClock
from contracts import streams
from contracts.commands import CancelJob
from contracts.ids import JobId
from contracts.results import StageFail, StageResult, StageRetry
from contracts.stages import StageId
from orchestrator.fold import Happening
from orchestrator.schedule import Candidate, pick

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
DAY = 86_400.0
SLOTS = 3

OpenStore = Callable[..., Any]


def cancel(job_id: JobId) -> Happening:
    return job_id, CancelJob(job_id=job_id, tenant="default", requested_at=NOW)


def company(job_id: JobId, outcome: Any) -> Happening:
    return job_id, StageResult(
        job_id=job_id, stage=StageId.COMPANY, run=1, round=1, attempt=1, outcome=outcome,
        started_at=NOW, finished_at=NOW,
    )  # fmt: skip


async def produced(store: Any, job_id: JobId) -> list[int]:
    """Return how many rows there are of a job in each table that hangs on jobs."""
    return [
        await store.pool.fetchval(f"SELECT count(*) FROM jobs.{table} WHERE job_id = $1", job_id)  # noqa: S608  ours
        for table in ("stage_runs", "stage_outputs", "results", "events")
    ]


async def most_running(pool: Any) -> int:
    """Return the highest number of jobs that ran at once, from the story that events tell."""
    rows = await pool.fetch(
        "SELECT type FROM jobs.events WHERE type IN ('started', 'completed', 'failed', 'cancelled')"
        " ORDER BY at, type = 'started'"
    )
    running = most = 0
    for row in rows:
        running += 1 if row["type"] == "started" else -1
        most = max(most, running)
    assert running == 0, "not all have ended"
    return most


async def test_two_stores_that_look_at_once_do_not_give_the_same_slots_twice(
    open_store: OpenStore, submission: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first has counted who runs and not yet chosen; the second must wait for its choice."""
    first, second = await open_store(), await open_store()
    await first.advance([submission() for _ in range(20)])
    fetch, counted, go_on = first._fetch, asyncio.Event(), asyncio.Event()

    async def fetch_and_pause(connection: Any, name: str, *arguments: Any) -> Any:
        rows = await fetch(connection, name, *arguments)
        if name == "running_by_tenant":
            counted.set()
            await go_on.wait()
        return rows

    monkeypatch.setattr(first, "_fetch", fetch_and_pause)
    admissions = [asyncio.create_task(first.admit(SLOTS))]
    async with asyncio.timeout(20):
        await counted.wait()
        admissions.append(asyncio.create_task(second.admit(SLOTS)))
        while not admissions[1].done() and not await first.pool.fetchval(
            "SELECT count(*) FROM pg_locks WHERE NOT granted"
        ):
            await asyncio.sleep(0.01)
        go_on.set()
        assert sorted([len((await admission).jobs) for admission in admissions]) == [0, SLOTS]
    assert await first.pool.fetchval("SELECT count(*) FROM jobs.jobs WHERE state = 'running'") == SLOTS


async def test_the_cap_holds_exactly_whoever_admits(open_store: OpenStore, submission: Any) -> None:
    """Three stores admit as fast as they can, while jobs end in each of them."""
    stores = [await open_store() for _ in range(3)]
    await stores[0].advance([submission(tenant=f"t{number % 4}") for number in range(60)])
    pool = stores[0].pool
    left = "SELECT count(*) FROM jobs.jobs WHERE state IN ('pending', 'running')"
    at_once: list[int] = []

    async def admit(store: Any) -> None:
        while await pool.fetchval(left):
            await store.admit(SLOTS)
            at_once.append(await pool.fetchval("SELECT count(*) FROM jobs.jobs WHERE state = 'running'"))

    async def end(store: Any) -> None:
        while await pool.fetchval(left):
            rows = await pool.fetch("SELECT job_id FROM jobs.jobs WHERE state = 'running'")
            failure = StageFail(code="c", reason="r")
            await store.advance([company(row["job_id"], failure) for row in rows])

    async with asyncio.timeout(60):
        await asyncio.gather(*(admit(store) for store in stores), *(end(store) for store in stores))
    assert await most_running(pool) == SLOTS
    assert max(at_once) <= SLOTS
    assert await pool.fetchval("SELECT count(*) FROM jobs.jobs WHERE state = 'failed'") == 60
    assert await pool.fetchval("SELECT count(*) FROM jobs.events WHERE type = 'started'") == 60


@pytest.mark.timeout(180)
async def test_the_cap_holds_with_three_orchestrators_and_sixty_jobs_of_every_fate(
    bench: Any, outcome: Any
) -> None:
    jobs: list[JobId] = []

    async def script(command: Any) -> Any:
        number = jobs.index(command.job_id)
        if command.stage is StageId.BRIEF and number % 5 == 1:
            return StageFail(code="no_material", reason="the site says nothing")
        if command.stage is StageId.BRIEF and number % 5 == 2 and command.attempt == 1:
            return StageRetry(reason="busy", after_seconds=0.05)
        if command.stage is StageId.BRIEF and number % 5 == 3:
            await bench.cancel(command.job_id)
            return None
        return outcome(command)

    await ensure_stream(bench.js, streams.COMMANDS)
    jobs += [await bench.submit(priority=1 + number % 3) for number in range(60)]
    async with (
        bench.orchestrator(max_concurrent=SLOTS),
        bench.orchestrator(max_concurrent=SLOTS),
        bench.orchestrator(max_concurrent=SLOTS),
        bench.workers(script),
    ):
        for number, job_id in enumerate(jobs):
            expected = {1: "failed", 3: "cancelled"}.get(number % 5, "completed")
            job = await bench.until(job_id, "completed", "failed", "cancelled", seconds=150)
            assert job["state"] == expected
    assert await most_running(bench.pool) == SLOTS


async def test_slots_go_to_those_whom_the_schedule_picks_among_all(
    open_store: OpenStore, submission: Any
) -> None:
    """The store reads only a few candidates; the choice is the same as among all that wait."""
    clock = FrozenClock(NOW)
    store = await open_store(clock)
    chance = random.Random(11)  # noqa: S311  a fixed sequence
    waiting: dict[JobId, Candidate] = {}
    for _ in range(60):
        tenant, priority = chance.choice("aaab"), chance.randint(1, 3)
        job_id, submit = submission(
            tenant=tenant, priority=priority, at=NOW - timedelta(seconds=chance.uniform(0, 3000))
        )
        await store.advance([(job_id, submit)])
        waiting[job_id] = Candidate(job_id, tenant, priority, submit.submitted_at)
    running: dict[JobId, str] = {}
    while waiting:
        held = {tenant: list(running.values()).count(tenant) for tenant in running.values()}
        expected = pick(waiting.values(), held, 4 - len(running), clock.now())
        admitted = await store.admit(4)
        assert set(admitted.jobs) == set(expected)
        running |= {job_id: waiting.pop(job_id).tenant for job_id in expected}
        for job_id in chance.sample(sorted(running), min(len(running), chance.randint(1, 4))):
            await store.advance([company(job_id, StageFail(code="c", reason="r"))])
            del running[job_id]
        clock.advance(chance.uniform(0, 300))


async def test_no_slot_is_given_when_all_are_held_or_nobody_waits(
    open_store: OpenStore, submission: Any
) -> None:
    store = await open_store()
    assert (await store.admit(SLOTS)).jobs == {}
    await store.advance([submission() for _ in range(5)])
    assert len((await store.admit(SLOTS)).jobs) == SLOTS
    assert (await store.admit(SLOTS)).jobs == {}
    assert (await store.admit(1)).jobs == {}, "fewer slots than run, after a change of the setting"
    assert len((await store.admit(4)).jobs) == 1


async def test_a_tenant_at_its_own_limit_leaves_the_other_slots_to_others(
    open_store: OpenStore, submission: Any
) -> None:
    store = await open_store()
    await store.advance([submission(tenant="big", priority=1) for _ in range(6)])
    await store.advance([submission(tenant="small", priority=3) for _ in range(2)])
    admitted = (await store.admit(5, 2)).jobs.values()
    assert sorted(job.tenant for job in admitted) == ["big", "big", "small", "small"]
    assert (await store.admit(5, 2)).jobs == {}, "a slot is free, and nobody may have it"
    assert [job.tenant for one in await store.admit_singly(5, 3) for job in one.jobs.values()] == ["big"]


async def test_only_jobs_that_ended_long_ago_are_deleted_with_all_they_produced(
    open_store: OpenStore, submission: Any, outcome: Any
) -> None:
    clock = FrozenClock(NOW)
    store = await open_store(clock)
    old, running, pending, young, edge = (submission(at=NOW) for _ in range(5))
    await store.advance([old, running])
    await store.admit(2)
    done = outcome(company(old[0], None)[1])
    await store.advance([company(old[0], done), company(running[0], done)])
    await store.pool.execute(
        "INSERT INTO jobs.results VALUES ($1, 'default', 's', 'h', 'k', '{}', now())", old[0]
    )
    await store.advance([pending, young, edge, cancel(old[0])])
    clock.advance(1)
    await store.advance([cancel(edge[0])])
    clock.advance(1)
    await store.advance([cancel(young[0])])
    clock.advance(7 * DAY - 1)
    assert 0 not in await produced(store, old[0])
    assert await store.delete_finished(7) == 1
    assert await produced(store, old[0]) == [0, 0, 0, 0]
    left = {row["job_id"] for row in await store.pool.fetch("SELECT job_id FROM jobs.jobs")}
    assert left == {running[0], pending[0], young[0], edge[0]}, "exactly seven days are not more than seven"
    clock.advance(1)
    assert await store.delete_finished(7) == 1
    clock.advance(365 * DAY)
    assert await store.delete_finished(7) == 1
    left = {row["job_id"] for row in await store.pool.fetch("SELECT job_id FROM jobs.jobs")}
    assert left == {running[0], pending[0]}, "what has not ended is never deleted"


async def test_many_ended_jobs_are_deleted_a_few_at_a_time_by_several_stores(
    open_store: OpenStore, submission: Any
) -> None:
    clock = FrozenClock(NOW)
    stores = [await open_store(clock) for _ in range(2)]
    jobs = [submission(at=NOW) for _ in range(1203)]
    await stores[0].advance(jobs)
    await stores[0].advance([cancel(job_id) for job_id, _ in jobs])
    await stores[0].pool.execute(
        "CREATE TABLE jobs.deleted (jobs bigint);"
        "CREATE FUNCTION jobs.note() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN INSERT INTO jobs.deleted SELECT count(*) FROM gone; RETURN NULL; END';"
        "CREATE TRIGGER note AFTER DELETE ON jobs.jobs REFERENCING OLD TABLE AS gone"
        " FOR EACH STATEMENT EXECUTE FUNCTION jobs.note()"
    )
    clock.advance(2 * DAY)
    deleted = await asyncio.gather(*(store.delete_finished(1) for store in stores))
    assert sum(deleted) == 1203
    sizes = [
        row["jobs"] for row in await stores[0].pool.fetch("SELECT jobs FROM jobs.deleted WHERE jobs > 0")
    ]
    assert sum(sizes) == 1203
    assert max(sizes) <= 500
