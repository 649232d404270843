"""Workers on a real broker with short ack waits, running stages that the tests write."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from nats.aio.client import Client

from blog_writer.embedded.nats import NatsServer
from chassis.broker import connect, ensure_stream
from chassis.clock import SystemClock
from chassis.objects import ObjectStore
from contracts import codec, streams, subjects
from contracts.commands import RunStage
from contracts.ids import new_job_id
from contracts.payloads import Inline, Payload
from contracts.results import Outcome, StageResult
from contracts.stages import BriefOutput, CompanyOutput, ResearchOutput, StageId
from stage_workers.attempts import Attempts
from stage_workers.checkpoints import open_bucket
from stage_workers.context import Ports
from stage_workers.hand_backs import HandBacks
from stage_workers.outcome import Done
from stage_workers.payloads import Payloads
from stage_workers.runner import Runner

ACK_WAIT = 1.0
NO_PORTS = Ports(*[None] * 5)
REQUEST = {"primary_keyword": "heat", "company_url": "http://127.0.0.1:1"}
COMPANY = CompanyOutput(name="Firm", url="http://127.0.0.1:1", language="en", country="GB")
OUTPUTS: dict[StageId, Any] = {
    StageId.COMPANY: COMPANY,
    StageId.BRIEF: BriefOutput(
        audience="all",
        intent="informational",
        angle="plain",
        outline=("One",),
        questions=(),
        queries=(),
        word_target=900,
        language="en",
        country="GB",
        tone="calm",
    ),
    StageId.RESEARCH: ResearchOutput(sources=(), searches=0, pages_read=0),
}
"""What the first three stages return, and the later ones of them read."""


def stages_stream(ack_wait: float = ACK_WAIT) -> streams.Stream:
    """Return the stages' stream, with workers given up after ``ack_wait`` seconds."""
    consumers = tuple(
        msgspec.structs.replace(consumer, ack_wait_seconds=ack_wait) for consumer in streams.STAGES.consumers
    )
    return msgspec.structs.replace(streams.STAGES, consumers=consumers)


def inline(value: Any) -> Payload:
    return Inline(msgspec.Raw(codec.encode(value)))


def command(stage: StageId = StageId.COMPANY, **fields: Any) -> RunStage:
    """Return a command for one of the first three stages."""
    inputs: dict[str, Payload] = {"request": inline(REQUEST)}
    inputs |= {other.field: inline(output) for other, output in OUTPUTS.items() if other < stage}
    given = {
        "job_id": new_job_id(),
        "tenant": "default",
        "stage": stage,
        "run": 1,
        "round": 1,
        "attempt": 1,
        "timeout_seconds": 60.0,
        "deadline_at": datetime.now(UTC) + timedelta(hours=1),  # noqa: TID251  tests live in real time
        "pipeline_version": 1,
        "inputs": inputs,
    }
    return RunStage(**{**given, **fields})


class Stage:
    """A stage that notes its runs, and ends when its gate is open."""

    def __init__(self, *, opened: bool = False) -> None:
        self.runs: list[tuple[Any, Any]] = []
        self.started_at: list[float] = []
        self.running = 0
        self.cancelled: list[float] = []
        self.gate = asyncio.Event()
        if opened:
            self.gate.set()

    async def __call__(self, inp: Any, ctx: Any) -> Any:
        self.runs.append((inp, ctx))
        self.started_at.append(time.monotonic())
        self.running += 1
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled.append(time.monotonic())
            raise
        finally:
            await asyncio.sleep(0)
            self.running -= 1
        return Done(OUTPUTS[ctx._command.stage])


class Worker:
    """A runner with its loops, in this process."""

    def __init__(self, client: Client, runner: Runner) -> None:
        self.client = client
        self.runner = runner
        self._loops = [asyncio.create_task(loop) for loop in runner.loops()]

    async def stop(self, drain_seconds: float = 5) -> None:
        """End as the service does."""
        await self._end_loops()
        await self.runner.drain(drain_seconds)

    async def crash(self) -> None:
        """End as after kill -9: not a word to the broker."""

        async def silence(*_args: Any, **_options: Any) -> None:
            return

        self.client.publish = silence
        await self._end_loops()
        for task in self.runner._tasks:
            task.cancel()
        await asyncio.gather(*self.runner._tasks, return_exceptions=True)
        await self.client.close()

    async def _end_loops(self) -> None:
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)


class Bench:
    """A broker, an object store, and any number of workers."""

    ack_wait = ACK_WAIT
    command = staticmethod(command)
    stage = Stage
    inline = staticmethod(inline)
    outputs = OUTPUTS

    def __init__(self, server: NatsServer, client: Client, folder: Path) -> None:
        self.server = server
        self.client = client
        self.js = client.jetstream()
        self.folder = folder
        self.objects = ObjectStore.open(f"file://{folder}")

    @asynccontextmanager
    async def worker(
        self,
        registry: Mapping[StageId, Callable[..., Awaitable[Any]]],
        slots: int = 4,
        ack_wait: float = ACK_WAIT,
        stages: tuple[StageId, ...] = (),
    ) -> AsyncIterator[Worker]:
        stream = stages_stream(ack_wait)
        client = await connect(self.server.url, "worker")
        js = client.jetstream()
        await ensure_stream(js, stream)
        bucket = await open_bucket(js)
        attempts = Attempts(registry, NO_PORTS, Payloads(self.objects), bucket, client, SystemClock())
        served = stages or tuple(registry)
        runner = Runner(client, attempts, HandBacks(bucket), served, slots, SystemClock(), stream)
        worker = Worker(client, runner)
        try:
            yield worker
        finally:
            if not client.is_closed:
                await worker.stop(0)
                await client.close()

    async def send(self, *commands: RunStage) -> None:
        for one in commands:
            await self.js.publish(subjects.stage(one.stage, one.job_id), codec.encode(one))

    async def results(self) -> list[StageResult]:
        """Return all results in the stream, in order."""
        state = (await self.js.stream_info(streams.RESULTS.name)).state
        numbers = range(state.first_seq, state.last_seq + 1) if state.messages else []
        messages = [await self.js.get_msg(streams.RESULTS.name, number) for number in numbers]
        return [codec.decode(message.data or b"", StageResult) for message in messages]

    async def outcomes(self, count: int = 1, seconds: float = 10) -> list[Outcome]:
        """Wait for so many results, and return what they say."""
        await self.until(lambda: self._has_results(count), seconds)
        return [result.outcome for result in await self.results()]

    async def _has_results(self, count: int) -> bool:
        return (await self.js.stream_info(streams.RESULTS.name)).state.messages >= count

    async def left(self) -> int:
        """Return how many commands the stream still has: waiting, or held by a worker."""
        return (await self.js.stream_info(streams.STAGES.name)).state.messages

    async def held(self) -> int:
        """Return how many commands are at workers."""
        names = [streams.stage_durable(stage) for stage in OUTPUTS]
        infos = [await self.js.consumer_info(streams.STAGES.name, name) for name in names]
        return sum(info.num_ack_pending or 0 for info in infos)

    async def until(self, condition: Callable[[], Any], seconds: float = 10) -> None:
        """Wait until a condition, plain or awaitable, holds."""
        async with asyncio.timeout(seconds):
            while not await _answer(condition):
                await asyncio.sleep(0.01)

    async def never(self, condition: Callable[[], Any], seconds: float) -> None:
        """Make sure that a condition does not come to hold for so long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            assert not await _answer(condition)
            await asyncio.sleep(0.01)

    async def stop_broker(self) -> None:
        self.server._wanted_port = self.server.port
        await asyncio.to_thread(self.server.stop)

    async def start_broker(self) -> None:
        # In this thread: the server ends with the thread that started it.
        self.server.start()
        await asyncio.to_thread(self.server.wait)


async def _answer(condition: Callable[[], Any]) -> Any:
    answer = condition()
    return await answer if isinstance(answer, Awaitable) else answer


@pytest.fixture
async def bench(nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[Bench]:
    """A broker with the worker's streams and no worker."""
    async with AsyncExitStack() as stack:
        client = await connect(nats_server.url, "test")
        stack.push_async_callback(client.close)
        js = client.jetstream()
        await ensure_stream(js, stages_stream())
        await ensure_stream(js, streams.RESULTS)
        await ensure_stream(js, streams.DEAD_LETTERS)
        yield Bench(nats_server, client, tmp_path / "objects")
