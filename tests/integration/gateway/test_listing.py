"""Pages, counts and sums over jobs in all states: what they say, and that they read no more as jobs pile up."""

from __future__ import annotations

import itertools
import json
from typing import Any

import asyncpg
import pytest
from bench.history import seed
from bench.status import PENDING_JOBS

from blog_writer.migrations import migrate_all
from chassis.clock import SystemClock
from chassis.database import Queries, connect
from contracts.commands import SubmitJob
from contracts.ids import DEFAULT_TENANT, new_job_id
from contracts.jobs import ArticleRequest, JobState
from contracts.stages import StageId
from gateway.store import Store, Submission

FEW, MANY = 500, 5000
"""Finished jobs that a read is compared over."""
ALL = list(JobState)
NOW = SystemClock().now()
READS: list[tuple[str, str, tuple[Any, ...]]] = [
    ("gateway", "jobs", (DEFAULT_TENANT, ALL, 20, 0)),
    ("gateway", "jobs", (DEFAULT_TENANT, ["failed"], 20, 0)),
    ("gateway", "jobs", (DEFAULT_TENANT, ["running"], 20, 0)),
    ("gateway", "jobs_of_batch", (DEFAULT_TENANT, ALL, 1000, 0, "batch-0")),
    ("gateway", "count_jobs", (DEFAULT_TENANT, ["running"])),
    ("gateway", "count_jobs_of_batch", (DEFAULT_TENANT, ALL, "batch-0")),
    ("gateway", "errors", (DEFAULT_TENANT, 20)),
    ("gateway", "untaken", (30.0,)),
    ("gateway", "mark_taken", ()),
    ("orchestrator", "counts", (NOW,)),
    ("orchestrator", "record_durations", (list(StageId),)),
    ("orchestrator", "running_by_tenant", ()),
    ("orchestrator", "candidates", (3, [1])),
    ("orchestrator", "due", (NOW, [1])),
    ("orchestrator", "in_flight", (15.0, [1])),
    ("orchestrator", "earlier_articles", ([DEFAULT_TENANT], 200)),
    ("notifier", "missed_events", (100.0, 5.0)),
    ("notifier", "candidates", ([], [], 10)),
]


@pytest.fixture
async def pool(database_url: str) -> Any:
    await migrate_all(database_url)
    pool = await connect(database_url, name="listing", patience=60)
    yield pool
    await pool.close()


async def mixture(pool: asyncpg.Pool) -> Store:
    """Jobs in every state, some of them in batches, some only submitted."""
    await seed(pool, 120)
    await pool.execute(
        "UPDATE jobs.jobs SET state = 'cancelled' WHERE ctid IN (SELECT ctid FROM jobs.jobs LIMIT 7)"
    )
    await pool.execute(PENDING_JOBS, 20, 1)
    await pool.execute("UPDATE jobs.jobs SET state = 'running' WHERE state = 'pending' AND priority = 1")
    await pool.execute("UPDATE jobs.jobs SET batch_id = 'some' WHERE priority = 2")
    store = Store(pool)
    jobs = tuple(
        SubmitJob(
            job_id=new_job_id(),
            tenant=DEFAULT_TENANT,
            request=ArticleRequest(primary_keyword="k", company_url="https://example.com", batch_id=batch),
            submitted_at=NOW,
        )
        for batch in (None, "some", None, "other")
    )
    await store.accept([Submission(DEFAULT_TENANT, jobs, None)])
    return store


async def test_pages_of_any_filter_are_slices_of_all_that_match_newest_first(pool: asyncpg.Pool) -> None:
    store = await mixture(pool)
    everything, _ = await store.jobs(DEFAULT_TENANT, None, None, 1000, 0)
    assert len(everything) == len({job.job_id for job in everything}) == 144
    assert everything == sorted(everything, key=lambda job: (-job.created_at.timestamp(), job.job_id))
    for state, batch_id in itertools.product([None, *ALL], [None, "some", "none"]):
        wanted = [
            job for job in everything if state in {None, job.state} and batch_id in {None, job.batch_id}
        ]
        for limit, offset in [(1000, 0), (7, 0), (7, 5), (7, 1000)]:
            page, counts = await store.jobs(DEFAULT_TENANT, state, batch_id, limit, offset)
            assert page == wanted[offset : offset + limit]
            assert sum(counts.values()) == len(wanted)
            assert all(counts[job.state] for job in wanted)
    assert (await store.jobs("stranger", None, None, 10, 0)) == ([], {})


async def test_sums_over_jobs_are_what_the_rows_say(pool: asyncpg.Pool) -> None:
    store = await mixture(pool)
    assert await store.average_duration(DEFAULT_TENANT) == pytest.approx(20.0)
    failed, codes = await store.errors(DEFAULT_TENANT, 3)
    rows = await pool.fetch("SELECT job_id FROM jobs.jobs WHERE state = 'failed' ORDER BY finished_at DESC")
    assert [row["job_id"] for row in failed] == [row["job_id"] for row in rows[:3]]
    assert codes == {"no_sources": len(rows)}
    states = [job.state for job in (await store.jobs(DEFAULT_TENANT, None, None, 1000, 0))[0]]
    assert await store.counts(DEFAULT_TENANT) == {state: states.count(state) for state in set(states)}


async def test_reads_touch_no_more_pages_when_finished_jobs_pile_up(pool: asyncpg.Pool) -> None:
    few = await _pages(pool, FEW)
    many = await _pages(pool, MANY)
    assert {name: (few[name], pages) for name, pages in many.items() if pages > 2 * few[name] + 20} == {}


async def _pages(pool: asyncpg.Pool, jobs: int) -> dict[str, int]:
    """Return how many pages each read touches, with a plan for any arguments, beside so many finished jobs."""
    await pool.execute("TRUNCATE jobs.jobs, gateway.submissions, notifier.deliveries CASCADE")
    await seed(pool, jobs)
    async with pool.acquire() as connection:
        await connection.execute("SET plan_cache_mode = force_generic_plan")
        return {
            f"{service} {name} {number}": await _touched(connection, Queries.load(service)[name], arguments)
            for number, (service, name, arguments) in enumerate(READS)
        }


async def _touched(connection: Any, statement: str, arguments: tuple[Any, ...]) -> int:
    explained = await connection.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}", *arguments)
    plan = json.loads(explained)[0]["Plan"]
    return int(plan["Shared Hit Blocks"]) + int(plan["Shared Read Blocks"])
