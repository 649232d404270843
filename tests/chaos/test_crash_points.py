"""Each named crash point, in real processes: dead right there, started again, nothing lost, nothing done twice
but the one thing that cannot be known to have been done."""

from __future__ import annotations

import asyncio
import signal
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx
import pytest
import pytest_asyncio

from chaos import evidence as gathering
from chaos.checker import check
from chaos.evidence import Evidence
from chaos.records import Accepted, Fault, now
from chaos.system import CAP, System, system
from chassis.broker import connect
from chassis.crashpoints import VARIABLE, CrashPoint
from contracts import streams

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]

SERVICES = {
    "gateway": "gateway",
    "orchestrator-1": "orchestrator",
    "worker-1": "chaos.worker",
    "notifier": "notifier",
}
REST_SECONDS = 75.0


class Scene:
    """A small system, one process of each service, and the questions the tests ask it."""

    def __init__(self, whole: System, pool: asyncpg.Pool, client: Any) -> None:
        self.whole = whole
        self.pool = pool
        self.client = client

    async def arm(self, name: str, point: CrashPoint, passage: int = 1) -> int:
        """Start a process again with a crash point armed; return how often it has ended until now."""
        process = self.whole.processes[name]
        exits = process.exits
        process.once = {VARIABLE: f"{point.value}:{passage}"}
        process.signal(signal.SIGKILL)
        assert await process.ended(exits, 10)
        await self.whole.until_ready()
        return process.exits

    async def submit(self) -> str:
        key = str(uuid.uuid4())
        body = {
            "primary_keyword": "crash",
            "company_url": "https://example.com",
            "callback_url": self.whole.callbacks[0],
        }
        async with httpx.AsyncClient(trust_env=False, timeout=20) as http:
            url = f"{self.whole.gateway_url}/write-async"
            answer = await http.post(url, json=body, headers={"Idempotency-Key": key})
        job_id = str(answer.raise_for_status().json()["job_id"])
        self.whole.journal.write(Accepted(at=now(), key=key, job_id=job_id, callback=True))
        return job_id

    async def dies(self, name: str, exits: int, point: CrashPoint) -> None:
        """Wait for the death that was armed, and write it down as a fault."""
        process = self.whole.processes[name]
        assert await process.ended(exits, 60), f"{name} never came to {point.value}"
        assert process.last_code == -signal.SIGKILL
        self.whole.journal.write(Fault(at=now(), kind=point.value, target=name, ended=now()))

    async def until_empty(self, stream: str) -> None:
        """Wait until everything in a stream is acked."""
        async with asyncio.timeout(REST_SECONDS):
            while (await self.client.jetstream().stream_info(stream)).state.messages:
                await asyncio.sleep(0.2)

    async def rest(self, job_id: str) -> Evidence:
        """Wait until all is done; the job is completed and no invariant is broken."""
        await self.whole.until_ready()
        left, _ = await gathering.quiet(self.pool, self.client.jetstream(), REST_SECONDS)
        facts = {
            **await gathering.rows(self.pool),
            **await asyncio.to_thread(gathering.written, self.whole.folder),
        }
        found = Evidence(cap=CAP, leftovers=left, **facts)
        assert {name: broken for name, broken in check(found).items() if broken} == {}
        assert {job.job_id: job.state for job in found.jobs}[job_id] == "completed"
        return found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    folder = tmp_path_factory.mktemp("crash")
    async with (
        system(folder, SERVICES, lucky=True) as whole,
        asyncpg.create_pool(whole.postgres.url, min_size=0, max_size=2) as pool,
    ):
        client = await connect(whole.nats.url, "crash-tests")
        yield Scene(whole, pool, client)
        await client.close()


def calls(found: Evidence, job_id: str) -> dict[tuple[str, str], int]:
    return dict(Counter((call.stage, call.key) for call in found.calls if call.job_id == job_id))


def receipts(found: Evidence, job_id: str) -> list[str]:
    return [receipt.message_id for receipt in found.receipts if receipt.job_id == job_id]


async def event_numbers(scene: Scene, job_id: str) -> list[str]:
    """Return the ids of the job's events in the order in which their stream holds them."""
    js = scene.client.jetstream()
    subject = f"blog.events.{job_id}.*"
    subscription = await js.subscribe(subject, stream=streams.EVENTS.name, ordered_consumer=True)
    numbers = []
    try:
        while True:
            message = await subscription.next_msg(timeout=1)
            numbers.append((message.headers or {})["ce-id"])
    except TimeoutError:
        return numbers
    finally:
        await subscription.unsubscribe()


async def test_after_commit_before_publish_the_relay_sends_what_was_committed(scene: Scene) -> None:
    point = CrashPoint.AFTER_COMMIT_BEFORE_PUBLISH
    exits = await scene.arm("orchestrator-1", point)
    job_id = await scene.submit()
    await scene.dies("orchestrator-1", exits, point)
    unsent = await scene.pool.fetchval("SELECT count(*) FROM jobs.outbox WHERE msg_id LIKE $1", f"{job_id}/%")
    assert unsent == 1, "the job's first event was committed and not sent"
    found = await scene.rest(job_id)
    assert set(calls(found, job_id).values()) == {1}
    assert len(receipts(found, job_id)) == 1


async def test_after_publish_before_mark_the_second_copy_is_dropped(scene: Scene) -> None:
    point = CrashPoint.AFTER_PUBLISH_BEFORE_MARK
    exits = await scene.arm("orchestrator-1", point)
    job_id = await scene.submit()
    await scene.dies("orchestrator-1", exits, point)
    unmarked = await scene.pool.fetchval(
        "SELECT count(*) FROM jobs.outbox WHERE msg_id LIKE $1", f"{job_id}/%"
    )
    assert unmarked == 1, "the job's first event was sent and is still in the outbox"
    found = await scene.rest(job_id)
    numbers = await event_numbers(scene, job_id)
    assert sorted(numbers) == sorted(set(numbers)), "an event is in the stream twice"
    assert len(numbers) == next(job.seq for job in found.jobs if job.job_id == job_id)
    assert set(calls(found, job_id).values()) == {1}


async def test_after_a_paid_call_only_that_call_is_paid_again(scene: Scene) -> None:
    point = CrashPoint.AFTER_PAID_CALL_BEFORE_CHECKPOINT
    exits = await scene.arm(
        "worker-1", point, passage=4
    )  # company, brief, research's first, research's second
    job_id = await scene.submit()
    await scene.dies("worker-1", exits, point)
    found = await scene.rest(job_id)
    repeated = {key: times for key, times in calls(found, job_id).items() if times > 1}
    assert repeated == {("stage_02", "second"): 2}


async def test_after_commit_before_ack_the_redelivered_result_changes_nothing(scene: Scene) -> None:
    point = CrashPoint.AFTER_COMMIT_BEFORE_ACK
    released = scene.whole.provider.held["stage_01"] = asyncio.Event()
    exits = await scene.arm(
        "orchestrator-1", point, passage=2
    )  # the submission, then the first stage's result
    job_id = await scene.submit()
    await scene.dies("orchestrator-1", exits, point)
    done = await scene.pool.fetchval(
        "SELECT count(*) FROM jobs.stage_runs WHERE job_id = $1 AND status = 'done'", job_id
    )
    assert done == 1, "the result was committed"
    held = await scene.client.jetstream().stream_info(streams.RESULTS.name)
    assert held.state.messages == 1, "and its message is not acked"
    await scene.until_empty(streams.RESULTS.name)  # it came again while the job runs
    released.set()
    found = await scene.rest(job_id)
    assert set(calls(found, job_id).values()) == {1}


async def test_after_post_before_record_the_webhook_comes_twice_under_one_id(scene: Scene) -> None:
    point = CrashPoint.AFTER_POST_BEFORE_RECORD
    exits = await scene.arm("notifier", point)
    job_id = await scene.submit()
    await scene.dies("notifier", exits, point)
    found = await scene.rest(job_id)
    assert len(receipts(found, job_id)) == 2
    assert len(set(receipts(found, job_id))) == 1
