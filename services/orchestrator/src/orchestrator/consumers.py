"""What the orchestrator consumes, and how each message becomes an input of the machine."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import asyncpg
import msgspec
from nats.aio.msg import Msg
from nats.js import JetStreamContext

from chassis import logs
from chassis.broker import ensure_stream
from chassis.crashpoints import CrashPoint, crash_point
from chassis.pull import pull
from contracts import codec, streams
from contracts.ids import JobId
from contracts.results import StageResult
from orchestrator.advancing import Advancer
from orchestrator.fold import Happening, Refused, Verdict
from orchestrator.job import Ignored

log = logs.get_logger(__name__)

BATCH = 256
"""Messages applied in one transaction, at most."""
UNKNOWN_JOB_TRIES = 30
"""Deliveries of a command for a job that is not there yet, a second apart: its submission may be on the way."""


def _command(data: bytes) -> Happening:
    command = codec.decode_command(data)
    return command.job_id, command


def _result(data: bytes) -> Happening:
    result = codec.decode(data, StageResult)
    return result.job_id, result


ROUTES: tuple[tuple[streams.Stream, Callable[[bytes], Happening]], ...] = (
    (streams.COMMANDS, _command),
    (streams.RESULTS, _result),
)


def consumers(js: JetStreamContext, advancer: Advancer) -> list[Coroutine[Any, Any, None]]:
    """Return one endless pull loop for each route."""
    return [_consume(js, stream, decode, advancer) for stream, decode in ROUTES]


async def _consume(
    js: JetStreamContext, stream: streams.Stream, decode: Callable[[bytes], Happening], advancer: Advancer
) -> None:
    async def handle(messages: list[Msg]) -> None:
        readable = await _readable(messages, decode)
        verdicts = await _applied(advancer, [happening for _, happening in readable])
        crash_point(CrashPoint.AFTER_COMMIT_BEFORE_ACK)
        for (message, happening), verdict in zip(readable, verdicts, strict=True):
            await _settle(message, happening, verdict)

    async def recover() -> None:
        await ensure_stream(js, stream)

    durable = stream.consumers[0].durable
    await pull(js, stream.name, durable, lambda: BATCH, handle, recover=recover)


async def _readable(
    messages: Sequence[Msg], decode: Callable[[bytes], Happening]
) -> list[tuple[Msg, Happening]]:
    """Decode what can be decoded; the rest can never be, and is put aside with its reason."""
    readable = []
    for message in messages:
        try:
            readable.append((message, decode(message.data)))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            log.error("message_rejected", subject=message.subject, reason=str(error))  # noqa: TRY400  no trace needed
            await message.term()
    return readable


async def _applied(advancer: Advancer, batch: list[Happening]) -> list[Verdict]:
    """Apply a batch; when the database refuses its data, one by one, so that only the culprit is refused."""
    try:
        return await advancer.apply(batch)
    except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError) as error:
        if len(batch) == 1:
            log.exception("input_refused", job_id=batch[0][0])
            return [Refused(f"{type(error).__name__}: {error}")]
        return [verdict for one in batch for verdict in await _applied(advancer, [one])]


async def _settle(message: Msg, happening: Happening, verdict: Verdict) -> None:
    """Ack what is committed. A plain ack is enough: if it is lost, the second copy is ignored."""
    if isinstance(verdict, Refused):
        await message.nak(delay=30)
    elif (
        isinstance(verdict, Ignored)
        and verdict.reason == "unknown_job"
        and not isinstance(happening[1], StageResult)
    ):
        await _wait_for_job(message, happening[0])
    else:
        await message.ack()


async def _wait_for_job(message: Msg, job_id: JobId) -> None:
    if message.metadata.num_delivered < UNKNOWN_JOB_TRIES:
        await message.nak(delay=1)
        return
    log.error("command_dropped", job_id=job_id, subject=message.subject, reason="the job is not known")
    await message.term()
