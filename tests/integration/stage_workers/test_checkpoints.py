"""What has been paid for is not called for again, and losing the record costs a call, never a job."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from nats.errors import TimeoutError as NatsTimeout

from contracts import codec, streams
from contracts.payloads import INLINE_LIMIT
from contracts.stages import StageId
from stage_workers import checkpoints
from stage_workers.checkpoints import Bucket, Checkpoints, open_bucket
from stage_workers.outcome import Done
from stage_workers.payloads import Payloads

LARGE = "x" * (INLINE_LIMIT + 1)


class Paid:
    """A call that counts, and ends when its gate is open."""

    def __init__(self, answer: Any = "answer") -> None:
        self.calls = 0
        self.cancelled = 0
        self.answer = answer
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self) -> Any:
        self.calls += 1
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            self.cancelled += 1
            raise
        return self.answer


@pytest.fixture
async def bucket(bench: Any) -> Bucket:
    return await open_bucket(bench.js)


@pytest.fixture
def attempt(bench: Any, bucket: Bucket) -> Callable[[], Checkpoints]:
    """Return checkpoints as each new attempt at one stage gets them."""
    command = bench.command()
    return lambda: Checkpoints(bucket, Payloads(bench.objects), command)


@pytest.mark.parametrize("answer", ["answer", LARGE, "", "ä€😀"])
async def test_a_later_attempt_gets_what_an_earlier_one_paid_for(
    attempt: Callable[[], Checkpoints], answer: str
) -> None:
    paid = Paid(answer)
    assert await attempt().once("key", str, paid) == answer
    assert await attempt().once("key", str, paid) == answer
    assert paid.calls == 1


async def test_nothing_as_a_result_is_recorded_too(attempt: Callable[[], Checkpoints]) -> None:
    paid = Paid(None)
    for _ in range(2):
        assert await attempt().once("key", type(None), paid) is None
    assert paid.calls == 1


async def test_the_same_key_at_once_is_one_call(attempt: Callable[[], Checkpoints]) -> None:
    paid, one = Paid(), attempt()
    answers = await asyncio.gather(*(one.once("key", str, paid) for _ in range(5)))
    assert answers == ["answer"] * 5
    assert paid.calls == 1


async def test_keys_rounds_stages_and_jobs_do_not_mix(bench: Any, bucket: Bucket) -> None:
    first = bench.command()
    others = [
        bench.command(job_id=first.job_id, round=2),
        bench.command(StageId.BRIEF, job_id=first.job_id),
        bench.command(),
    ]
    for number, command in enumerate([first, *others]):
        mine = Checkpoints(bucket, Payloads(bench.objects), command)
        assert await mine.once("key", int, Paid(number)) == number
        assert await mine.once("another", int, Paid(100 + number)) == 100 + number
    again = Checkpoints(bucket, Payloads(bench.objects), bench.command(job_id=first.job_id, attempt=2, run=2))
    assert await again.once("key", int, Paid(9)) == 0


async def test_an_error_is_not_recorded(attempt: Callable[[], Checkpoints]) -> None:
    async def fail() -> str:
        raise ZeroDivisionError

    one = attempt()
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            await one.once("key", str, fail)
    assert await one.once("key", str, Paid()) == "answer"


async def test_a_cancelled_call_is_not_recorded_and_ends_before_its_caller(
    attempt: Callable[[], Checkpoints], bench: Any
) -> None:
    paid, one = Paid(), attempt()
    paid.gate.clear()
    task = asyncio.create_task(one.once("key", str, paid))
    await bench.until(lambda: paid.calls == 1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
    assert paid.cancelled == 1
    paid.gate.set()
    assert await one.once("key", str, paid) == "answer"
    assert paid.calls == 2


async def test_a_caller_that_is_cancelled_does_not_take_the_others_along(
    attempt: Callable[[], Checkpoints], bench: Any
) -> None:
    paid, one = Paid(), attempt()
    paid.gate.clear()
    first, second = (asyncio.create_task(one.once("key", str, paid)) for _ in range(2))
    await bench.until(lambda: paid.calls == 1)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    paid.gate.set()
    assert await second == "answer"
    assert (paid.calls, paid.cancelled) == (1, 0)


async def test_whoever_comes_while_a_call_is_being_cancelled_gets_a_call_of_its_own(
    attempt: Callable[[], Checkpoints], bench: Any
) -> None:
    paid, one = Paid(), attempt()
    paid.gate.clear()
    first = asyncio.create_task(one.once("key", str, paid))
    await bench.until(lambda: paid.calls == 1)
    first.cancel()
    second = asyncio.create_task(one.once("key", str, paid))
    await bench.until(lambda: paid.calls == 2)
    paid.gate.set()
    assert await second == "answer"


async def test_a_bucket_that_is_gone_costs_calls_and_is_made_again(
    attempt: Callable[[], Checkpoints], bench: Any
) -> None:
    paid = Paid()
    await attempt().once("key", str, paid)
    await bench.js.delete_key_value(streams.CHECKPOINTS_BUCKET)
    async with asyncio.timeout(2):
        assert await attempt().once("key", str, paid) == "answer"
    assert await attempt().once("key", str, paid) == "answer"
    assert paid.calls == 2
    status = await (await bench.js.key_value(streams.CHECKPOINTS_BUCKET)).status()
    assert status.ttl == streams.CHECKPOINTS_TTL_SECONDS


async def only_name(bench: Any) -> str:
    """Return the bucket's one key, by its stream: nats-py's watcher may miss what came before it looked."""
    stream = f"KV_{streams.CHECKPOINTS_BUCKET}"
    (subject,) = (await bench.js.stream_info(stream, subjects_filter=">")).state.subjects
    return str(subject).removeprefix(f"$KV.{streams.CHECKPOINTS_BUCKET}.")


@pytest.mark.parametrize("damage", ["deleted", "changed", "another type", "no JSON"])
async def test_a_record_that_cannot_be_read_costs_a_call(
    attempt: Callable[[], Checkpoints], bench: Any, damage: str
) -> None:
    paid = Paid(LARGE)
    await attempt().once("key", str, paid)
    kept = await bench.js.key_value(streams.CHECKPOINTS_BUCKET)
    name = await only_name(bench)
    stored = codec.decode((await kept.get(name)).value, Payloads.KIND)
    if damage == "deleted":
        await bench.objects.delete_prefix(stored.key.rpartition("/")[0])
    elif damage == "changed":
        await bench.objects.put(stored.key, b'"something else"', "application/json")
    elif damage == "another type":
        await kept.put(name, codec.encode(bench.inline(5)))
    else:
        await kept.put(name, b"{")
    assert await attempt().once("key", str, paid) == LARGE
    assert await attempt().once("key", str, paid) == LARGE
    assert paid.calls == 2


@pytest.mark.parametrize("patience", [0.3, 5])
async def test_a_result_is_recorded_once_the_broker_is_back(bench: Any, patience: float) -> None:
    """Whether a write outlasts the outage or is tried again."""
    bucket, command = await open_bucket(bench.client.jetstream(timeout=patience)), bench.command()

    def attempt() -> Checkpoints:
        return Checkpoints(bucket, Payloads(bench.objects), command)

    paid, one = Paid(), attempt()
    paid.gate.clear()
    task = asyncio.create_task(one.once("key", str, paid))
    await bench.until(lambda: paid.calls == 1)
    await bench.stop_broker()
    paid.gate.set()
    await asyncio.sleep(3)
    await bench.start_broker()
    async with asyncio.timeout(10):
        assert await task == "answer"
    assert await attempt().once("key", str, paid) == "answer"
    assert paid.calls == 1


async def test_a_store_that_takes_nothing_costs_the_record_and_not_the_result(
    bench: Any, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "FIRST_PAUSE", 0.01)
    command, paid = bench.command(), Paid(LARGE)
    (bench.folder / command.job_id).write_text("a file where the folder should be")
    mine = Checkpoints(bucket, Payloads(bench.objects), command)
    assert await mine.once("key", str, paid) == LARGE


async def test_giving_a_record_up_takes_no_longer_than_the_tries(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "FIRST_PAUSE", 0.1)
    tries = []

    async def put(_name: str, _value: bytes) -> None:
        tries.append(asyncio.get_running_loop().time())
        raise ConnectionResetError

    async def get(_name: str) -> None:
        return None

    broken: Any = SimpleNamespace(get=get, put=put)
    mine = Checkpoints(broken, Payloads(bench.objects), bench.command())
    assert await mine.once("key", str, Paid()) == "answer"
    assert len(tries) == checkpoints.TRIES
    pauses = [later - earlier for earlier, later in pairwise(tries)]
    assert all(pause >= 0.1 * 2**number for number, pause in enumerate(pauses)), pauses
    assert asyncio.get_running_loop().time() - tries[-1] < 0.1


async def test_a_broker_that_does_not_answer_at_first_does_not_have_a_call_paid_again(
    bench: Any, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "FIRST_PAUSE", 0.01)
    command, paid, silent = bench.command(), Paid(), [NatsTimeout(), NatsTimeout()]
    assert await Checkpoints(bucket, Payloads(bench.objects), command).once("key", str, paid) == "answer"

    async def get(name: str) -> bytes | None:
        if silent:
            raise silent.pop()
        return await bucket.get(name)

    slow: Any = SimpleNamespace(get=get, put=bucket.put)
    assert await Checkpoints(slow, Payloads(bench.objects), command).once("key", str, paid) == "answer"
    assert (paid.calls, silent) == (1, [])


async def test_the_attempt_after_a_crash_goes_on_from_the_record(bench: Any) -> None:
    paid, reached = Paid(LARGE), asyncio.Event()

    def stage(*, hangs: bool) -> Any:
        async def run(_inp: Any, ctx: Any) -> Any:
            assert await ctx.checkpoint("key", str, paid) == LARGE
            reached.set()
            if hangs:
                await asyncio.Event().wait()
            return Done(bench.outputs[StageId.COMPANY])

        return run

    async with bench.worker({StageId.COMPANY: stage(hangs=True)}) as worker:
        await bench.send(bench.command())
        await reached.wait()
        await worker.crash()
    async with bench.worker({StageId.COMPANY: stage(hangs=False)}):
        await bench.outcomes()
    assert paid.calls == 1


async def test_cancelling_a_job_cancels_the_call_in_flight(bench: Any) -> None:
    paid, command = Paid(), bench.command()
    paid.gate.clear()

    async def stage(_inp: Any, ctx: Any) -> Any:
        await ctx.checkpoint("key", str, paid)

    async with bench.worker({StageId.COMPANY: stage}) as worker:
        await bench.send(command)
        await bench.until(lambda: paid.calls == 1)
        worker.runner.cancel(command.job_id)
        await bench.until(lambda: paid.cancelled == 1, seconds=1)
