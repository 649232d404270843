"""What the orchestrator consumes, and how each message becomes an input of the machine."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import msgspec
from nats.aio.msg import Msg
from nats.js import JetStreamContext

from chassis import logs
from chassis.broker import ensure_stream
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


_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")


def storable(data: bytes) -> bytes:
    """Return JSON with U+FFFD in place of NUL characters: pages have them, and Postgres cannot hold them."""
    return _NUL.sub(rb"\1\\ufffd", data)


def _command(data: bytes) -> Happening:
    command = codec.decode_command(storable(data))
    return command.job_id, command


def _result(data: bytes) -> Happening:
    result = codec.decode(storable(data), StageResult)
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
        verdicts = await advancer.apply([happening for _, happening in readable])
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
