"""What the orchestrator consumes, and how each message becomes an input of the machine."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import asyncpg
import msgspec
from nats.aio.msg import Msg
from nats.js import JetStreamContext

from chassis import logs
from chassis.broker import delivered, ensure_stream
from chassis.clock import Clock
from chassis.crashpoints import CrashPoint, crash_point
from chassis.pull import Handler, pull
from contracts import codec, streams
from contracts.dead_letters import DeadLetter, DeadLetterCode, dead_letter
from contracts.results import StageResult
from contracts.spending import PaidCall
from orchestrator.advancing import Advancer
from orchestrator.dead_letters import DeadLetters, consequence
from orchestrator.fold import Happening, Refused, Verdict
from orchestrator.job import Deferred, Ignored
from orchestrator.ledger import Ledger

log = logs.get_logger(__name__)

SERVICE = "orchestrator"
BATCH = 256
"""Messages applied in one transaction, at most."""
REFUSAL_DELAYS = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0, 30.0)
"""Seconds before a message comes again that could not be applied: another release may know what to do with it. Then it
is put aside."""
DEFERRED_SECONDS = 2.0
"""After which a message comes again whose job only another release can judge: as often as it takes, since the job's row
proves that there is such a release."""
UNKNOWN_JOB_TRIES = 30
"""Deliveries of a command for a job that is not there yet, a second apart: its submission may be on the way."""


_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")


def storable(data: bytes) -> bytes:
    """Return JSON with U+FFFD in place of NUL characters: pages have them, and Postgres cannot hold them."""
    return _NUL.sub(rb"\1\\ufffd", data)


def _command(data: bytes) -> Happening:
    command = codec.decode_command(storable(data))
    return command.job_id, command


def _report(data: bytes) -> Happening | PaidCall:
    report = codec.decode_report(storable(data))
    return report if isinstance(report, PaidCall) else (report.job_id, report)


ROUTES: tuple[tuple[streams.Stream, Callable[[bytes], Happening | PaidCall]], ...] = (
    (streams.COMMANDS, _command),
    (streams.RESULTS, _report),
)


def consumers(
    js: JetStreamContext, advancer: Advancer, letters: DeadLetters, ledger: Ledger, clock: Clock
) -> list[Coroutine[Any, Any, None]]:
    """Return one endless pull loop for each route, and one for what others put aside."""
    routes = [
        _consume(js, stream, _Intake(advancer, letters, ledger, clock, decode)) for stream, decode in ROUTES
    ]
    return [*routes, _consume(js, streams.DEAD_LETTERS, _Registry(advancer, letters, clock))]


async def _consume(js: JetStreamContext, stream: streams.Stream, handle: Handler) -> None:
    async def recover() -> None:
        await ensure_stream(js, stream)

    await pull(js, stream.name, stream.consumers[0].durable, lambda: BATCH, handle, recover=recover)


class _Intake:
    """Applies the messages of one route."""

    def __init__(
        self,
        advancer: Advancer,
        letters: DeadLetters,
        ledger: Ledger,
        clock: Clock,
        decode: Callable[[bytes], Happening | PaidCall],
    ) -> None:
        self._advancer = advancer
        self._letters = letters
        self._ledger = ledger
        self._clock = clock
        self._decode = decode

    async def __call__(self, messages: list[Msg]) -> None:
        told = await self._readable(messages)
        await self._book([(message, call) for message, call in told if isinstance(call, PaidCall)])
        readable = [(message, each) for message, each in told if not isinstance(each, PaidCall)]
        verdicts = await self._advancer.apply([happening for _, happening in readable])
        crash_point(CrashPoint.AFTER_COMMIT_BEFORE_ACK)
        for (message, happening), verdict in zip(readable, verdicts, strict=True):
            await self._settle(message, happening, verdict)

    async def _book(self, calls: Sequence[tuple[Msg, PaidCall]]) -> None:
        """Write paid calls before the results that come with them: what starts next is told what has been spent."""
        await self._ledger.record([call for _, call in calls])
        for message, _ in calls:
            await message.ack()

    async def _readable(self, messages: Sequence[Msg]) -> list[tuple[Msg, Happening | PaidCall]]:
        """Decode what can be decoded. What is no JSON never can be, and is put aside with its reason; what only does
        not fit may be of a later release, and comes again for a while first."""
        readable: list[tuple[Msg, Happening | PaidCall]] = []
        for message in messages:
            try:
                readable.append((message, self._decode(message.data)))
            except msgspec.ValidationError as error:
                await self._try_again(message, DeadLetterCode.UNDECODABLE, str(error))
            except msgspec.DecodeError as error:
                await self._put_aside(message, DeadLetterCode.UNDECODABLE, str(error))
        return readable

    async def _put_aside(self, message: Msg, code: DeadLetterCode, reason: str) -> None:
        letter = dead_letter(delivered(message), code, reason, SERVICE, self._clock.now())
        await self._letters.record([letter])
        await message.term()

    async def _settle(self, message: Msg, happening: Happening, verdict: Verdict) -> None:
        """Ack what is committed. A plain ack is enough: if it is lost, the second copy is ignored."""
        if isinstance(verdict, Refused):
            await self._try_again(message, DeadLetterCode.REFUSED, verdict.reason)
        elif isinstance(verdict, Deferred):
            await message.nak(delay=DEFERRED_SECONDS)
        elif (
            isinstance(verdict, Ignored)
            and verdict.reason == "unknown_job"
            and not isinstance(happening[1], StageResult)
        ):
            await self._wait_for_job(message)
        else:
            await message.ack()

    async def _try_again(self, message: Msg, code: DeadLetterCode, reason: str) -> None:
        tries = message.metadata.num_delivered
        if tries > len(REFUSAL_DELAYS):
            await self._put_aside(message, code, reason)
        else:
            await message.nak(delay=REFUSAL_DELAYS[tries - 1])

    async def _wait_for_job(self, message: Msg) -> None:
        if message.metadata.num_delivered < UNKNOWN_JOB_TRIES:
            await message.nak(delay=1)
        else:
            await self._put_aside(message, DeadLetterCode.REFUSED, "the job is not known")


class _Registry:
    """Records what other services put aside, and tells the machine what follows from it."""

    def __init__(self, advancer: Advancer, letters: DeadLetters, clock: Clock) -> None:
        self._advancer = advancer
        self._letters = letters
        self._clock = clock

    async def __call__(self, messages: list[Msg]) -> None:
        letters = [self._letter(message) for message in messages]
        await self._record(letters)
        consequences = [consequence(letter) for letter in letters]
        verdicts = iter(await self._advancer.apply([each for each in consequences if each is not None]))
        for message, happening in zip(messages, consequences, strict=True):
            if happening is not None and isinstance(next(verdicts), Deferred):
                await message.nak(delay=DEFERRED_SECONDS)
            else:
                await message.ack()

    async def _record(self, letters: Sequence[DeadLetter]) -> None:
        """Record letters; one that the database refuses is told in the log, and holds up no other."""
        try:
            await self._letters.record(letters)
        except asyncpg.DataError:
            if len(letters) == 1:
                log.exception("dead_letter_refused", subject=letters[0].subject, reason=letters[0].reason)
                return
            for letter in letters:
                await self._record([letter])

    def _letter(self, message: Msg) -> DeadLetter:
        try:
            return codec.decode(storable(message.data), DeadLetter)
        except msgspec.DecodeError as error:
            return dead_letter(
                delivered(message), DeadLetterCode.UNDECODABLE, str(error), SERVICE, self._clock.now()
            )
