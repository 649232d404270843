"""The runner: takes one message per free slot, keeps it alive while its stage runs, reports, acks.

A message is heartbeated from the moment it arrives until its result is confirmed, so that a live stage is never given
to another worker, and a dead worker's stage is, one ack wait later. The result is published before the command is
acked: a crash between the two runs the stage again, and the orchestrator ignores the second result.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import defaultdict, deque
from collections.abc import Coroutine
from datetime import datetime
from functools import partial
from typing import Any

import msgspec
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from chassis import logs
from chassis.broker import Outgoing, Publisher, ensure_stream
from chassis.clock import Clock
from chassis.pull import pull
from contracts import codec, streams, subjects
from contracts.commands import RunStage
from contracts.dead_letters import DeadLetterCode
from contracts.ids import JobId
from contracts.results import Outcome, StageResult
from contracts.stages import StageId
from stage_workers.aside import PATIENCE, Aside, hopeless
from stage_workers.attempts import Attempts
from stage_workers.claims import Claim
from stage_workers.hand_backs import HandBacks
from stage_workers.payloads import fitting
from stage_workers.slots import Slots
from stage_workers.supervision import Supervised

log = logs.get_logger(__name__)

WORKER = socket.gethostname()
HAND_BACK_SECONDS = 2
"""How long draining waits for the server to confirm what is handed back."""
FINISHED_KEPT = 256
"""Messages that are still known after their end, for deliveries that were already on the way."""
FIRST_PAUSE = 0.2
LONGEST_PAUSE = 5.0
"""Between tries to publish a result."""


class Runner:
    """Runs the stages of one worker process."""

    def __init__(
        self,
        client: Client,
        attempts: Attempts,
        hand_backs: HandBacks,
        stages: tuple[StageId, ...],
        slots: int,
        clock: Clock,
        stream: streams.Stream = streams.STAGES,
    ) -> None:
        self._client = client
        self._js = client.jetstream()
        self._publisher = Publisher(self._js)
        self._aside = Aside(self._publisher, clock)
        self._attempts = attempts
        self._hand_backs = hand_backs
        self._stages = stages
        self._slots = Slots(slots, stages)
        self._clock = clock
        self._stream = stream
        self._ack_wait = stream.consumers[0].ack_wait_seconds
        self._tasks: set[asyncio.Task[None]] = set()
        self._claims: dict[str, Claim] = {}
        self._finished: deque[tuple[int, datetime]] = deque(maxlen=FINISHED_KEPT)
        self._running: defaultdict[JobId, set[Supervised]] = defaultdict(set)

    def loops(self) -> list[Coroutine[Any, Any, None]]:
        """Return one endless pull loop for each stage."""
        return [
            pull(
                self._js,
                self._stream.name,
                streams.stage_durable(stage),
                partial(self._slots.take, stage),
                self._accept,
                wake=self._slots.wake(stage),
                unused=self._slots.give_back,
                expires=self._slots.patience,
                recover=lambda: ensure_stream(self._js, self._stream),
            )
            for stage in self._stages
        ]

    def cancel(self, job_id: JobId) -> None:
        """Stop what runs for a job. Only what runs now: a failed job that is retried has new commands later."""
        for attempt in self._running.get(job_id, ()):
            attempt.cancel()

    async def drain(self, seconds: float) -> None:
        """Let running stages end for so long, then hand the rest back; call it when no loop pulls any more."""
        if self._tasks:
            log.info("draining", stages=len(self._tasks), seconds=seconds)
            await asyncio.wait(self._tasks, timeout=seconds)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with contextlib.suppress(NatsError):  # what is not handed back comes again after the ack wait
            await self._client.flush(timeout=HAND_BACK_SECONDS)

    async def _accept(self, messages: list[Msg]) -> None:
        for message in messages:
            task = asyncio.create_task(self._take(message))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _take(self, message: Msg) -> None:
        """See one message through in the slot that it was asked for with."""
        try:
            command = codec.decode(message.data, RunStage)
        except msgspec.DecodeError as error:
            await self._aside.put(message, DeadLetterCode.UNDECODABLE, str(error))
        else:
            with structlog.contextvars.bound_contextvars(**_facts(command)):
                await self._claim_or_put_aside(command, message)
        finally:
            self._slots.give_back()

    async def _claim_or_put_aside(self, command: RunStage, message: Msg) -> None:
        held = _number(command) in self._claims
        verdict = None if held else hopeless(command, await self._hand_backs.lost(message))
        if verdict is None:
            await self._claim(command, message)
        elif message.metadata.num_delivered > PATIENCE[verdict[0]]:
            await self._aside.put(message, *verdict)
        else:  # a worker of another release may take it
            await self._hand_backs.note(message)
            await Claim(message).hand_back_later()

    async def _claim(self, command: RunStage, message: Msg) -> None:
        """Keep the command; one that runs here, or has just ended here, is not started again."""
        number = _number(command)
        if (held := self._claims.get(number)) is not None:
            log.warning("redelivered_while_running")
            held.renew(message)
            return
        claim = Claim(message, self._ack_wait)
        if claim.message_id in self._finished:  # sent before its ack had arrived
            await claim.ack()
            return
        self._claims[number] = claim
        try:
            async with claim.kept_alive():
                await self._see_through(command, claim)
        finally:
            del self._claims[number]

    async def _see_through(self, command: RunStage, claim: Claim) -> None:
        finished = False
        try:
            started = self._clock.now()
            attempt = self._begun(command, claim)
            outcome = await self._outcome(command, attempt)
            if attempt.lost:
                await self._let_go(claim)
                return
            if outcome is None:
                log.info("stage_cancelled")
            else:
                await self._report(command, outcome, started, claim)
            finished = True
            self._finished.append(claim.message_id)
            await claim.ack()
        except asyncio.CancelledError:
            if not finished:
                await self._hand_backs.note(claim.message)
            await claim.hand_back(finished=finished)
            raise
        except Exception:
            log.exception("message_failed")
            await claim.hand_back_later()

    def _begun(self, command: RunStage, claim: Claim) -> Supervised:
        """Start the stage. It pays for nothing once its command is another's: then it is ended."""

        def held() -> bool:
            if not claim.held():
                attempt.lose()
            return not attempt.lost

        attempt = Supervised(self._attempts.run(command, held))
        return attempt

    async def _let_go(self, claim: Claim) -> None:
        """Leave a command to whoever has it now, which may be this worker again."""
        log.warning("claim_lost")
        if claim.held():
            await claim.hand_back(finished=False)

    async def _outcome(self, command: RunStage, attempt: Supervised) -> Outcome | None:
        """Run the stage within its time; None when its job was cancelled meanwhile.

        The time counts from here, and no clock of this machine is compared with another's: the command's bound includes
        the job's deadline, and what a timeout means is for the orchestrator to say.
        """
        self._running[command.job_id].add(attempt)
        try:
            return await attempt.outcome(command.timeout_seconds)
        finally:
            self._forget(command.job_id, attempt)

    def _forget(self, job_id: JobId, attempt: Supervised) -> None:
        self._running[job_id].discard(attempt)
        if not self._running[job_id]:
            del self._running[job_id]

    async def _report(self, command: RunStage, outcome: Outcome, started: datetime, claim: Claim) -> None:
        """Publish the result, for as long as it takes: it may have cost money.

        Its id names the delivered message too: a command comes anew because its first result was lost from the stream,
        which would drop a second one of the same id as a copy.
        """
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
        subject = subjects.result(command.job_id, command.stage)
        message = Outgoing(
            subject, fitting(result, self._publisher.limit), f"{_number(command)}/{claim.message_id[0]}"
        )
        pause = FIRST_PAUSE
        while not await self._publisher.publish_all([message]):
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)


def _number(command: RunStage) -> str:
    """Return what is the same for all deliveries of one command, and for no other."""
    return f"{command.job_id}/{command.stage}/{command.run}/{command.round}/{command.attempt}"


def _facts(command: RunStage) -> dict[str, Any]:
    """Return what every log line of an attempt says."""
    return {
        "job_id": command.job_id,
        "stage": command.stage.field,
        "round": command.round,
        "attempt": command.attempt,
    }
