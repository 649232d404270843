"""One job that cannot be admitted fails with a reason, and all others are admitted."""

from __future__ import annotations

from typing import Any

import pytest

from contracts.commands import CancelJob

BROKEN = {
    "record": "doc = '{\"job_id\": 1}'",
    "record and request": "doc = '[]', request = '[]'",
    "wrong state": "doc = jsonb_set(doc::jsonb, '{state}', '\"completed\"')::json",
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
async def test_a_pending_job_whose_row_is_broken_fails_and_the_others_go_on(bench: Any, broken: str) -> None:
    async with bench.orchestrator(max_concurrent=0):
        jobs = [await bench.submit(batch_id="b") for _ in range(4)]
        for job_id in jobs:
            await bench.until(job_id, "pending")
    bad, *good = jobs
    await bench.pool.execute(f"UPDATE jobs.jobs SET {broken} WHERE job_id = $1", bad)  # noqa: S608  of this file
    async with bench.orchestrator(max_concurrent=1), bench.workers():
        for job_id in good:
            await bench.until(job_id, "completed")
        job = await bench.until(bad, "failed")
    assert job["error_code"] == "not_startable"
    assert "could not be started" in job["error"]
    assert job["finished_at"] is not None
    assert [event["type"] for event in await bench.events(bad)] == ["submitted", "failed"]
    assert (await bench.events(bad))[-1]["batch_id"] == "b"


async def test_it_can_be_tried_again_like_any_failed_job(bench: Any) -> None:
    async with bench.orchestrator(max_concurrent=0):
        job_id = await bench.submit(max_duration_minutes=33)
        await bench.until(job_id, "pending")
    await bench.pool.execute("UPDATE jobs.jobs SET doc = '[]'")
    async with bench.orchestrator(), bench.workers():
        await bench.until(job_id, "failed")
        await bench.retry(job_id)
        job = await bench.until(job_id, "completed")
    assert job["run"] == 2


async def test_a_job_that_is_cancelled_while_it_is_chosen_stays_cancelled(
    open_store: Any, submission: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, other = await open_store(), await open_store()
    (first, submit), (second, submit_other) = submission(), submission()
    await store.advance([(first, submit), (second, submit_other)])
    choose = store.choose

    async def choose_and_lose(connection: Any, *limits: Any) -> Any:
        picked = await choose(connection, *limits)
        await other.advance(
            [(first, CancelJob(job_id=first, tenant="default", requested_at=submit.submitted_at))]
        )
        return picked

    monkeypatch.setattr(store, "choose", choose_and_lose)
    advanced = await store.admit_singly(2)
    assert [list(one.jobs) for one in advanced] == [[second]]
    states = dict(await store.pool.fetch("SELECT job_id, state FROM jobs.jobs"))
    assert states == {first: "cancelled", second: "running"}
