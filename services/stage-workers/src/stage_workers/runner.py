"""The runner: takes one message per free slot, keeps it alive while its stage runs, reports, acks.

A message is heartbeated from the moment it arrives until its result is confirmed, so that a live stage is never given
to another worker, and a dead worker's stage is, one ack wait later. The result is published before the command is
acked: a crash between the two runs the stage again, and the orchestrator ignores the second result.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import defaultdict
from collections.abc import Coroutine, Iterator
from typing import Any

import msgspec
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from chassis import logs
from chassis.broker import Outgoing, Publisher, SharedPublisher, ensure_stream
from chassis.clock import Clock
from chassis.pull import pull
from contracts import codec, streams, subjects
from contracts.commands import RunStage
from contracts.ids import JobId
from contracts.results import Outcome, StageResult, StageRetry
from contracts.stages import StageId
from stage_workers.attempts import Attempts

log = logs.get_logger(__name__)

WORKER = socket.gethostname()


class Runner:
    """Runs the stages of one worker process."""

    def __init__(
        self,
        client: Client,
        attempts: Attempts,
        stages: tuple[StageId, ...],
        slots: int,
        clock: Clock,
        stream: streams.Stream = streams.STAGES,
    ) -> None:
        self._client = client
        self._js = client.jetstream()
        self._publisher = SharedPublisher(Publisher(self._js))
        self._attempts = attempts
        self._stages = stages
        self._slots = asyncio.Semaphore(slots)
        self._free = slots
        self._clock = clock
        self._stream = stream
        self._tasks: set[asyncio.Task[None]] = set()
        self._running: defaultdict[JobId, set[asyncio.Task[Outcome]]] = defaultdict(set)
        self._wakes = {stage: asyncio.Event() for stage in stages}

    def loops(self) -> list[Coroutine[Any, Any, None]]:
        """Return one endless pull loop for each stage."""
        return [
            pull(
                self._js,
                self._stream.name,
                streams.stage_durable(stage),
                lambda: 1 if self._free > 0 else 0,
                self._accept,
                wake=self._wakes[stage],
                recover=lambda: ensure_stream(self._js, self._stream),
            )
            for stage in self._stages
        ]

    def cancel(self, job_id: JobId) -> None:
        """Stop what runs for a job. Only what runs now: a failed job that is retried has new commands later."""
        for task in self._running.get(job_id, ()):
            task.cancel()

    async def drain(self, seconds: float) -> None:
        """Let running stages end for so long, then hand the rest back; call it when no loop pulls any more."""
        if self._tasks:
            log.info("draining", stages=len(self._tasks), seconds=seconds)
            await asyncio.wait(self._tasks, timeout=seconds)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with contextlib.suppress(
            NatsError, TimeoutError
        ):  # what is not handed back comes again after the ack wait
            await self._client.flush(timeout=2)

    async def _accept(self, messages: list[Msg]) -> None:
        for message in messages:
            task = asyncio.create_task(self._keep(message))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _keep(self, message: Msg) -> None:
        """See one message through: alive from here on, run when a slot is free."""
        heart = asyncio.create_task(_beat(message, self._stream.consumers[0].ack_wait_seconds / 3))
        try:
            async with self._slots:
                self._free -= 1
                try:
                    await self._see_through(message)
                finally:
                    self._free += 1
                    for wake in self._wakes.values():
                        wake.set()
        except asyncio.CancelledError:
            await _quietly(message.nak())
            raise
        except Exception:
            log.exception("message_failed", subject=message.subject)
            await _quietly(message.nak(delay=5))
        finally:
            heart.cancel()

    async def _see_through(self, message: Msg) -> None:
        try:
            command = codec.decode(message.data, RunStage)
        except msgspec.DecodeError as error:
            log.error("message_rejected", subject=message.subject, reason=str(error))  # noqa: TRY400  no trace needed
            await message.term()
            return
        with _bound(command):
            started = self._clock.now()
            outcome = await self._outcome(command, message.metadata.num_delivered)
            if outcome is None:
                log.info("stage_cancelled")
            else:
                await self._report(command, outcome, started)
        await message.ack()

    async def _outcome(self, command: RunStage, deliveries: int) -> Outcome | None:
        """Run the stage within its time; None when its job was cancelled meanwhile."""
        if deliveries > streams.STAGE_MAX_DELIVERIES:
            reason = f"{deliveries - 1} workers took this stage and none reported"
            return StageRetry(code="worker_lost", reason=reason)
        left = (command.deadline_at - self._clock.now()).total_seconds()
        seconds = max(0.0, min(command.timeout_seconds, left))
        task = asyncio.create_task(self._attempts.run(command))
        self._running[command.job_id].add(task)
        try:
            done, _ = await asyncio.wait({task}, timeout=seconds)
            if not done:
                reason = f"not finished within {seconds:.0f} s"
                return StageRetry(code="stage_timeout", reason=reason)
            return None if task.cancelled() else task.result()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            self._forget(command.job_id, task)

    def _forget(self, job_id: JobId, task: asyncio.Task[Outcome]) -> None:
        self._running[job_id].discard(task)
        if not self._running[job_id]:
            del self._running[job_id]

    async def _report(self, command: RunStage, outcome: Outcome, started: Any) -> None:
        """Publish the result, for as long as it takes: it may have cost money."""
        result = StageResult(
            job_id=command.job_id,
            stage=command.stage,
            run=command.run,
            round=command.round,
            attempt=command.attempt,
            outcome=outcome,
            started_at=started,
            finished_at=self._clock.now(),
            worker=WORKER,
        )
        number = f"{command.job_id}/{command.stage}/{command.run}/{command.round}/{command.attempt}"
        message = Outgoing(subjects.result(command.job_id, command.stage), codec.encode(result), number)
        pause = 0.2
        while not await self._publisher.publish(message):
            await asyncio.sleep(pause)
            pause = min(pause * 2, 5.0)


async def _beat(message: Msg, seconds: float) -> None:
    while True:
        await asyncio.sleep(seconds)
        await _quietly(message.in_progress())


async def _quietly(action: Coroutine[Any, Any, None]) -> None:
    """Do something for a message that the next delivery would make good if it fails."""
    try:
        await action
    except (NatsError, OSError) as error:
        log.warning("ack_failed", reason=str(error) or repr(error))


@contextlib.contextmanager
def _bound(command: RunStage) -> Iterator[None]:
    facts = {
        "job_id": command.job_id,
        "stage": command.stage.field,
        "round": command.round,
        "attempt": command.attempt,
    }
    with structlog.contextvars.bound_contextvars(**facts):
        yield
