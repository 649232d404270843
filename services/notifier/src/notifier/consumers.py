"""Events of all jobs, from the durables that ``contracts.streams`` describes, in batches: one look-up and one commit for
what has arrived meanwhile. Ends have a durable of their own, since all jobs that want a webhook want those.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

import asyncpg
import msgspec
from nats.aio.msg import Msg
from nats.js import JetStreamContext

from chassis import logs
from chassis.broker import Outgoing, Publisher, delivered, ensure_stream
from chassis.clock import Clock
from chassis.pull import Handler, pull
from contracts import codec, subjects
from contracts.dead_letters import DeadLetterCode, dead_letter
from contracts.events import Event
from contracts.streams import EVENTS
from notifier.intake import Intake

log = logs.get_logger(__name__)

SERVICE = "notifier"
ENDS, STEPS = EVENTS.consumers
ENDS_AT_ONCE = 50
"""Events that end jobs, noted together: each may bring an article."""
STEPS_AT_ONCE = 200
"""Events that end no job, noted together: few of them are wanted."""

Take = Callable[[Sequence[Event]], Awaitable[int]]
"""Notes what is wanted of some events. Returns how many, once they are committed."""


def consume(
    js: JetStreamContext, intake: Intake, publisher: Publisher, clock: Clock
) -> list[Coroutine[Any, Any, None]]:
    """Return the loops that take events, for as long as they run."""
    return [
        _consume(js, ENDS.durable, ENDS_AT_ONCE, _Batches(intake.take, publisher, clock)),
        _consume(js, STEPS.durable, STEPS_AT_ONCE, _Batches(intake.take_steps, publisher, clock)),
    ]


async def _consume(js: JetStreamContext, durable: str, at_once: int, handle: Handler) -> None:
    async def recover() -> None:
        await ensure_stream(js, EVENTS)

    await pull(js, EVENTS.name, durable, lambda: at_once, handle, recover=recover)


class _Batches:
    """Acks events once their deliveries are committed, or when none is wanted.

    One that cannot be read or stored is put aside as a dead letter.
    """

    def __init__(self, take: Take, publisher: Publisher, clock: Clock) -> None:
        self._take = take
        self._publisher = publisher
        self._clock = clock

    async def __call__(self, messages: list[Msg]) -> None:
        events = []
        for message in messages:
            try:
                events.append((message, _event(message.data)))
            except msgspec.DecodeError as error:
                await self._put_aside(message, str(error))
        if events:
            await self._note(events)

    async def _note(self, events: Sequence[tuple[Msg, Event]]) -> None:
        try:
            await self._take([event for _, event in events])
        except asyncpg.DataError as error:
            await self._find_culprit(events, error)
            return
        for message, _ in events:
            await message.ack()

    async def _find_culprit(self, events: Sequence[tuple[Msg, Event]], error: asyncpg.DataError) -> None:
        """Note events one by one: an event that the database refuses must not hold up those it came with."""
        if len(events) > 1:
            for each in events:
                await self._note([each])
        else:
            await self._put_aside(events[0][0], str(error))

    async def _put_aside(self, message: Msg, reason: str) -> None:
        code, now = DeadLetterCode.UNDECODABLE, self._clock.now()
        letter = dead_letter(delivered(message), code, reason, SERVICE, now, self._publisher.limit)
        await self._publisher.publish(
            Outgoing(subjects.dead_letter(letter), codec.encode(letter), letter.message_id)
        )
        log.warning("event_put_aside", subject=message.subject, reason=reason)
        await message.term()


def _event(data: bytes) -> Event:
    """Return an event that has a ``seq``; raise msgspec.DecodeError for anything else."""
    event = codec.decode_event(data)
    if event.seq is None:
        raise msgspec.ValidationError("the event has no seq")
    return event
