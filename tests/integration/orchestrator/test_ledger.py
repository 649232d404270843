"""The ledger in Postgres: every paid call once, in whatever order it is told, and what stages and clients hear of it."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime
from typing import Any

import msgspec
from prometheus_client import REGISTRY

from contracts import codec, subjects
from contracts.commands import RetryJob, RunStage
from contracts.ids import new_job_id
from contracts.results import Outcome, StageFail
from contracts.spending import Allowance, PaidCall
from contracts.stages import StageId
from contracts.usage import Usage
from orchestrator.ledger import Ledger

NOW = datetime(2026, 1, 4, 10, tzinfo=UTC)


def paid(job_id: Any, **fields: Any) -> PaidCall:
    given: dict[str, Any] = {
        "call_id": uuid.uuid4().hex,
        "job_id": job_id,
        "stage": StageId.COMPANY,
        "run": 1,
        "round": 1,
        "attempt": 1,
        "kind": "search",
        "key": "k",
        "name": "heat pumps",
        "provider": "searxng",
        "state": "open",
        "at": NOW,
        "reserved_micros": 5000,
    }
    return PaidCall(**{**given, **fields})


def ended(call: PaidCall, state: str = "done", cost: int = 4000, **fields: Any) -> PaidCall:
    return msgspec.structs.replace(call, state=state, cost_micros=cost, **fields)


def cost_counted() -> float:
    return REGISTRY.get_sample_value("blog_cost_usd_total", {"kind": "search"}) or 0.0


async def usage(bench: Any, job_id: Any) -> Usage:
    return codec.decode((await bench.job(job_id))["usage"], Usage)


async def pending(bench: Any, **request: Any) -> Any:
    """Return a job that an orchestrator has taken in and nobody works on."""
    async with bench.orchestrator():
        job_id = await bench.submit(**request)
        await bench.until(job_id, "running")
    return job_id


async def test_a_call_is_booked_once_however_often_and_in_whatever_order_it_is_told(bench: Any) -> None:
    job_id, ledger, before = await pending(bench), Ledger(bench.pool), cost_counted()
    first, second = paid(job_id), paid(job_id, key="other")
    await ledger.record([first])
    assert (await usage(bench, job_id)).unsettled == 1
    await ledger.record([ended(first), first, ended(first)])
    await ledger.record([ended(second)])
    await ledger.record([second, first, ended(second, cost=1)])
    found = await usage(bench, job_id)
    assert (found.searches, found.unsettled, found.cost_usd) == (2, 0, 0.008)
    assert await bench.pool.fetchval("SELECT count(*) FROM jobs.paid_calls") == 2
    assert round(cost_counted() - before, 6) == 0.008


async def test_calls_of_jobs_that_are_gone_are_left_out_and_hold_up_no_other(bench: Any) -> None:
    job_id, ledger = await pending(bench), Ledger(bench.pool)
    await ledger.record([paid(new_job_id()), ended(paid(job_id)), paid(new_job_id())])
    assert (await usage(bench, job_id)).searches == 1


async def test_replicas_that_book_at_once_lose_nothing_of_the_sums(bench: Any) -> None:
    jobs = [await pending(bench) for _ in range(2)]
    ledger = Ledger(bench.pool)
    calls = [ended(paid(jobs[number % 2], key=str(number)), cost=1000) for number in range(40)]
    await asyncio.gather(*(ledger.record(calls[start::8]) for start in range(8)))
    assert [(await usage(bench, job_id)).cost_usd for job_id in jobs] == [0.02, 0.02]


async def test_jobs_that_pay_for_nothing_have_no_rows_and_no_limit(bench: Any) -> None:
    async with bench.orchestrator(), bench.workers():
        job = await bench.until(await bench.submit(), "completed")
    assert (job["max_cost_usd"], job["usage"]) == (None, None)
    assert await bench.pool.fetchval("SELECT count(*) FROM jobs.spending") == 0
    assert {command.allowance for command in bench.commands} == {Allowance()}


async def test_a_stage_is_told_what_is_spent_and_what_is_allowed_and_a_retry_allows_more(
    bench: Any, outcome: Any
) -> None:
    async def script(command: RunStage) -> Outcome | None:
        if command.stage is not StageId.BRIEF:
            call = paid(command.job_id, stage=command.stage)
            for each in (call, ended(call)):
                subject = subjects.result(command.job_id, command.stage)
                await bench.js.publish(subject, codec.encode(each))
        elif command.run == 1:
            return StageFail(code="budget_exceeded", reason="it would cost too much")
        done: Outcome = outcome(command)
        return done

    async with bench.orchestrator(), bench.workers(script):
        job_id = await bench.submit(max_cost_usd=0.01)
        failed = await bench.until(job_id, "failed")
        assert (failed["error_code"], failed["max_cost_usd"]) == ("budget_exceeded", 0.01)
        await bench.send(RetryJob(job_id=job_id, tenant="default", requested_at=NOW, run=1, max_cost_usd=0.5))
        job = await bench.until(job_id, "completed")
    allowances = {(command.stage, command.run): command.allowance for command in bench.commands}
    assert allowances[StageId.COMPANY, 1] == Allowance(max_micros=10_000)
    assert allowances[StageId.BRIEF, 1] == Allowance(max_micros=10_000, settled_micros=4000)
    assert allowances[StageId.BRIEF, 2] == Allowance(max_micros=500_000, settled_micros=4000)
    assert (StageId.COMPANY, 2) not in allowances
    assert job["max_cost_usd"] == 0.5
    publish = next(command for command in bench.commands if command.stage is StageId.PUBLISH)
    told = codec.decode(bytes(publish.inputs["usage"].value), Usage)  # type: ignore[union-attr]  small ones are inline
    assert (told.searches, told.cost_usd) == (11, 0.044)
    assert (await usage(bench, job_id)).searches == 12
