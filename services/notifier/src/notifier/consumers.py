"""Subject → handler: the events of all jobs, from the durables that ``contracts.streams`` describes.

Ends come one by one. The others come in batches, since one query tells which few of them anybody wants told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import msgspec
from faststream import AckPolicy
from faststream.nats import JStream, NatsBroker, NatsMessage, PullSub
from faststream.nats.subscriber.usecases import PullStreamSubscriber
from nats.aio.msg import Msg
from nats.errors import ConnectionClosedError
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig
from nats.js.errors import NotFoundError

from chassis import logs
from chassis.broker import Outgoing, Publisher, delivered, ensure_stream
from chassis.clock import Clock
from chassis.pull import pull
from contracts import codec, subjects
from contracts.dead_letters import DeadLetterCode, dead_letter
from contracts.events import Event
from contracts.streams import EVENTS
from notifier.intake import Intake

log = logs.get_logger(__name__)

SERVICE = "notifier"
CONSUMER, STEPS = EVENTS.consumers
STEPS_AT_ONCE = 200
"""Events that end no job, looked at together."""
FETCH_SECONDS = 1.0
"""How long one request for events stays open; one that was open while the consumer was lost is silent that long."""
RETRY_SECONDS = 2.0
"""After which an event comes again that could not be noted."""


def subscribe(broker: NatsBroker, intake: Intake, publisher: Publisher, clock: Clock) -> PullStreamSubscriber:
    """Bind ``intake`` to the durable. An event is acked once its delivery is committed, or when none is wanted.

    One that cannot be read is put aside as a dead letter.
    """

    async def put_aside(message: NatsMessage, reason: str) -> None:
        await _report(message.raw_message, reason, publisher, clock)
        await message.reject()

    async def on_ended(message: NatsMessage) -> None:
        try:
            await _take(message, intake, put_aside)
        except Exception:
            log.exception("event_not_noted", subject=message.raw_message.subject)
            await message.nack(delay=RETRY_SECONDS)

    subscriber = broker.subscriber(
        subjects.EVENTS,
        durable=CONSUMER.durable,
        stream=JStream(EVENTS.name, declare=False),
        config=ConsumerConfig(filter_subjects=list(CONSUMER.filters)),
        pull_sub=PullSub(timeout=FETCH_SECONDS),
        ack_policy=AckPolicy.MANUAL,
        decoder=_undecoded,
    )
    subscriber(on_ended)
    return subscriber


async def consume_steps(js: JetStreamContext, intake: Intake, publisher: Publisher, clock: Clock) -> None:
    """Take the events that end no job, for as long as it runs. Acked like the others."""

    async def take(messages: list[Msg]) -> None:
        events = []
        for message in messages:
            try:
                events.append(_step(message.data))
            except msgspec.DecodeError as error:
                await _report(message, str(error), publisher, clock)
        await intake.take_steps(events)
        for message in messages:
            await message.ack()

    async def recover() -> None:
        await ensure_stream(js, EVENTS)

    await pull(js, EVENTS.name, STEPS.durable, lambda: STEPS_AT_ONCE, take, recover=recover)


def _step(data: bytes) -> Event:
    """Return an event that has a ``seq``; raise msgspec.DecodeError for anything else."""
    event = codec.decode_event(data)
    if event.seq is None:
        raise msgspec.ValidationError("the event has no seq")
    return event


async def _report(message: Msg, reason: str, publisher: Publisher, clock: Clock) -> None:
    """Publish a dead letter about an event that cannot be read."""
    letter = dead_letter(
        delivered(message), DeadLetterCode.UNDECODABLE, reason, SERVICE, clock.now(), publisher.limit
    )
    await publisher.publish(Outgoing(subjects.dead_letter(letter), codec.encode(letter), letter.message_id))


def pace(subscriber: PullStreamSubscriber) -> None:
    """Let a started subscriber pause after each request on a closed connection.

    FastStream asks again at once, so that nothing else in the process would ever run: no signal, no health check.
    """
    fetch = subscriber.subscription.fetch  # type: ignore[union-attr]  # it has started

    async def fetch_or_pause(*args: Any, **options: Any) -> Any:
        try:
            return await fetch(*args, **options)
        except ConnectionClosedError:
            await asyncio.sleep(FETCH_SECONDS)
            raise

    subscriber.subscription.fetch = fetch_or_pause  # type: ignore[union-attr,method-assign]  # as above


async def _take(
    message: NatsMessage, intake: Intake, put_aside: Callable[[NatsMessage, str], Awaitable[None]]
) -> None:
    try:
        await intake.take(codec.decode_event(message.body))
    except (msgspec.DecodeError, asyncpg.DataError) as error:
        await put_aside(message, str(error))
    else:
        await message.ack()


async def _undecoded(message: NatsMessage) -> bytes:
    """Leave decoding to the handler: FastStream's own would fail where nobody answers for the message."""
    return message.body


async def ensure_consumer(js: JetStreamContext) -> None:
    """Make the stream and the durable again when NATS has lost them: FastStream would poll nothing for ever."""
    try:
        await js.consumer_info(EVENTS.name, CONSUMER.durable)
    except NotFoundError:
        await ensure_stream(js, EVENTS)
        log.warning("consumer_recreated", stream=EVENTS.name, consumer=CONSUMER.durable)
