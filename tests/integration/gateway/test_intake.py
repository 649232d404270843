"""Submissions that come at the same time share a transaction and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from blog_writer.migrations import migrate_all
from chassis.clock import SystemClock
from chassis.database import close, connect
from contracts.ids import DEFAULT_TENANT, JobId, new_job_id
from contracts.jobs import ArticleRequest
from gateway.errors import Refusal
from gateway.presenters import accepted
from gateway.store import Claim, Store
from gateway.submissions import Intake, Sender

REQUEST = ArticleRequest(primary_keyword="energy", company_url="https://example.com")


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    await migrate_all(database_url)
    pool = await connect(database_url, name="test")
    yield pool
    await close(pool)


@pytest.fixture
def intake(pool: asyncpg.Pool) -> Intake:
    store = Store(pool)
    return Intake(store, Sender(store), SystemClock())


async def accept(
    intake: Intake, job_id: JobId, key: str | None = None, sha: str = "same"
) -> tuple[bytes, bool]:
    claim = None if key is None else Claim(key, sha, job_id.encode().join([b'"', b'"']))
    return await intake.accept(DEFAULT_TENANT, [REQUEST], accepted(job_id), [job_id], claim)


async def test_submissions_at_the_same_time_are_one_transaction_and_all_in_the_outbox(
    intake: Intake, pool: asyncpg.Pool
) -> None:
    ids = [new_job_id() for _ in range(30)]
    answers = await asyncio.gather(*(accept(intake, job_id) for job_id in ids))
    assert [job_id.encode() in body for job_id, (body, _) in zip(ids, answers, strict=True)] == [True] * 30
    rows = await pool.fetch("SELECT job_id, xmin::text AS transaction FROM gateway.submissions")
    assert {row["job_id"] for row in rows} == set(ids)
    assert len({row["transaction"] for row in rows}) == 1
    assert await pool.fetchval("SELECT count(*) FROM gateway.outbox") == 30


async def test_a_submission_that_the_database_refuses_leaves_out_only_itself(
    intake: Intake, pool: asyncpg.Pool
) -> None:
    taken, *others = [new_job_id() for _ in range(4)]
    await accept(intake, taken)
    results = await asyncio.gather(
        *(accept(intake, job_id) for job_id in (others[0], taken, *others[1:])), return_exceptions=True
    )
    assert [type(result) for result in results] == [tuple, asyncpg.UniqueViolationError, tuple, tuple]
    assert await pool.fetchval("SELECT count(*) FROM gateway.submissions") == 4


async def test_keys_in_one_group_are_told_apart(intake: Intake, pool: asyncpg.Pool) -> None:
    first, again, misuse, other, without = [new_job_id() for _ in range(5)]
    results = await asyncio.gather(
        accept(intake, first, "a"),
        accept(intake, again, "a"),
        accept(intake, misuse, "a", sha="another request"),
        accept(intake, other, "b"),
        accept(intake, without),
        return_exceptions=True,
    )
    assert isinstance(results[2], Refusal)
    assert results[2].code == "idempotency_key_reused"
    assert results[1] == (f'"{first}"'.encode(), True)
    assert [result[1] for result in (results[0], results[3], results[4]) if isinstance(result, tuple)] == [
        False
    ] * 3
    rows = await pool.fetch("SELECT job_id FROM gateway.submissions")
    assert {row["job_id"] for row in rows} == {first, other, without}
