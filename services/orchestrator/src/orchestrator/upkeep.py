"""The upkeep of consumers: one that is gone, serves nobody or is not what the data say is mended."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from datetime import datetime

import msgspec
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, ConsumerInfo, DeliverPolicy, RetentionPolicy
from nats.js.errors import NotFoundError, ServerError

from chassis import logs
from chassis.broker import consumer_config, ensure_consumer
from contracts.streams import Consumer

log = logs.get_logger(__name__)


class Look(msgspec.Struct, frozen=True):
    """What a consumer looked like once."""

    created: datetime
    delivered: int
    """Sequence in the stream of the last message that was handed out."""
    ack_floor: int
    """Up to which all are acked."""
    unanswered: int
    """Messages that were handed out and not acked."""
    pending: int
    """Messages that wait."""
    askers: int
    """Requests for messages that wait."""


def look(info: ConsumerInfo) -> Look:
    """Return the facts of a consumer by which it is judged."""
    return Look(
        created=info.created,
        delivered=info.delivered.stream_seq if info.delivered else 0,
        ack_floor=info.ack_floor.stream_seq if info.ack_floor else 0,
        unanswered=info.num_ack_pending or 0,
        pending=info.num_pending or 0,
        askers=info.num_waiting or 0,
    )


def stuck(earlier: Look | None, later: Look) -> bool:
    """Whether a consumer serves nobody: messages and askers wait, and between two looks nothing was handed out.

    A consumer that works leaves both waiting for an instant only, and then it has handed out more by the next look.
    """
    if earlier is None:
        return False
    idle = all(one.pending and one.askers and not one.unanswered for one in (earlier, later))
    same = (earlier.created, earlier.delivered, earlier.ack_floor)
    return idle and same == (later.created, later.delivered, later.ack_floor)


def drifted(config: ConsumerConfig, consumer: Consumer, last_sequence: int) -> bool:
    """Whether a consumer is not what the data say, or starts behind the end of its stream."""
    wanted = consumer_config(consumer)
    filters = config.filter_subjects or [config.filter_subject or ""]
    return (
        set(filters) != set(consumer.filters)
        or _rules(config) != _rules(wanted)
        or config.deliver_policy not in {DeliverPolicy.ALL, DeliverPolicy.BY_START_SEQUENCE}
        or (config.opt_start_seq or 0) > last_sequence + 1
    )


def _rules(config: ConsumerConfig) -> tuple[object, ...]:
    return (
        config.ack_policy,
        config.ack_wait,
        config.max_deliver,
        config.max_ack_pending,
        config.deliver_subject,
    )


async def replace_consumer(
    js: JetStreamContext, stream_name: str, consumer: Consumer, info: ConsumerInfo
) -> None:
    """Delete a consumer and make it again, at its ack floor: what was handed out and not acked comes again.

    A work queue has only what is not acked, and takes consumers only that begin with its oldest message.
    """
    stream = await js.stream_info(stream_name)
    floor = look(info).ack_floor
    goes_on = stream.config.retention == RetentionPolicy.LIMITS and 0 < floor <= stream.state.last_seq
    with contextlib.suppress(NotFoundError):  # another replica was faster
        await js.delete_consumer(stream_name, consumer.durable)
    await js.add_consumer(stream_name, consumer_config(consumer, floor + 1 if goes_on else None))


async def update_or_replace(
    js: JetStreamContext, stream_name: str, consumer: Consumer, last_sequence: int
) -> None:
    """Give a consumer the settings that it should have; where it began stays as it was, if that can be."""
    start = (await js.consumer_info(stream_name, consumer.durable)).config.opt_start_seq
    with contextlib.suppress(ServerError):  # some settings cannot be changed
        await js.add_consumer(stream_name, consumer_config(consumer, start))
    info = await js.consumer_info(stream_name, consumer.durable)
    if drifted(info.config, consumer, last_sequence):
        await replace_consumer(js, stream_name, consumer, info)


class Watch:
    """Looks at the consumers of streams again and again, and mends them."""

    def __init__(self, js: JetStreamContext) -> None:
        self._js = js
        self._looks: dict[tuple[str, str], Look] = {}

    async def mend(self, stream_name: str, consumers: Sequence[Consumer]) -> dict[str, str]:
        """Mend the consumers of a stream; return the names of those that needed it, with the reason.

        Raises NotFoundError when there is no such stream.
        """
        infos = {info.name: info for info in await self._js.consumers_info(stream_name)}
        last = (await self._js.stream_info(stream_name)).state.last_seq
        mended = {}
        for consumer in consumers:
            reason = await self._mend(stream_name, consumer, infos.get(consumer.durable), last)
            if reason is not None:
                log.warning("consumer_mended", stream=stream_name, consumer=consumer.durable, reason=reason)
                mended[consumer.durable] = reason
        return mended

    async def _mend(
        self, stream_name: str, consumer: Consumer, info: ConsumerInfo | None, last_sequence: int
    ) -> str | None:
        earlier = self._looks.pop((stream_name, consumer.durable), None)
        if info is None:
            await ensure_consumer(self._js, stream_name, consumer)
            return "gone"
        if drifted(info.config, consumer, last_sequence):
            await update_or_replace(self._js, stream_name, consumer, last_sequence)
            return "drifted"
        if stuck(earlier, look(info)):
            await replace_consumer(self._js, stream_name, consumer, info)
            return "stuck"
        self._looks[stream_name, consumer.durable] = look(info)
        return None
