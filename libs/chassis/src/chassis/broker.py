"""NATS: connections that come back, streams from data, publishing with confirmation."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec
from faststream.nats import NatsBroker
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DeliverPolicy,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import NotFoundError

from chassis import logs
from chassis.atomic import SMALLEST_BATCH, BatchRefused, batches, lanes, publish_batch
from chassis.errors import ServerUnreachable

log = logs.get_logger(__name__)


class ConsumerLike(Protocol):
    """A durable pull consumer, as data."""

    @property
    def durable(self) -> str: ...
    @property
    def filters(self) -> tuple[str, ...]: ...
    @property
    def ack_wait_seconds(self) -> float: ...
    @property
    def max_deliver(self) -> int: ...
    @property
    def max_ack_pending(self) -> int: ...


class StreamLike(Protocol):
    """A stream, as data."""

    @property
    def name(self) -> str: ...
    @property
    def subjects(self) -> tuple[str, ...]: ...
    @property
    def retention(self) -> str: ...
    @property
    def max_age_seconds(self) -> float: ...
    @property
    def duplicate_window_seconds(self) -> float: ...
    @property
    def discard(self) -> str: ...
    @property
    def max_msg_size(self) -> int: ...
    @property
    def consumers(self) -> Sequence[ConsumerLike]: ...


def options(name: str) -> dict[str, Any]:
    """Return connection options under which a client never gives up and sees a dead link within half a minute."""
    return {
        "name": name,
        "max_reconnect_attempts": -1,
        "reconnect_time_wait": 0.25,
        "ping_interval": 10,
        "max_outstanding_pings": 2,
    }


async def connect(url: str, name: str, on_closed: Callable[[], None] | None = None) -> Client:
    """Return a connected client. Raises ServerUnreachable when nothing answers now; later it reconnects for ever."""

    async def closed() -> None:
        if on_closed is not None:
            on_closed()

    async def failed(error: Exception) -> None:
        log.warning("nats_error", client=name, reason=str(error) or type(error).__name__)

    await _probe(url, name)
    return await _open(url, closed_cb=closed, error_cb=failed, **options(name))


async def _probe(url: str, name: str) -> None:
    """Connect once without retries: with endless reconnects the first connect would also wait for ever."""
    quiet = {**options(name), "max_reconnect_attempts": 0, "allow_reconnect": False, "connect_timeout": 5}
    try:
        client = await _open(url, error_cb=_ignore, **quiet)
    except (OSError, NatsError, ValueError) as error:
        raise ServerUnreachable("NATS_URL", str(error) or type(error).__name__) from error
    await client.close()


async def _open(url: str, **settings: Any) -> Client:
    """Connect, and leave nothing open when that fails or is cancelled."""
    client = Client()
    try:
        await client.connect(url, **settings)
    except BaseException:
        await client.close()
        raise
    return client


async def _ignore(_error: Exception) -> None:
    """Errors of the probe are raised by its connect."""


def faststream_broker(url: str, name: str) -> NatsBroker:
    """Return a FastStream broker with the same connection options."""
    return NatsBroker(url, logger=None, **options(name))


async def ensure_stream(js: JetStreamContext, stream: StreamLike) -> None:
    """Create or update a stream and its consumers."""
    config = StreamConfig(
        name=stream.name,
        subjects=list(stream.subjects),
        retention=RetentionPolicy.WORK_QUEUE if stream.retention == "workqueue" else RetentionPolicy.LIMITS,
        max_age=stream.max_age_seconds,
        duplicate_window=stream.duplicate_window_seconds,
        discard=DiscardPolicy.NEW if stream.discard == "new" else DiscardPolicy.OLD,
        max_msg_size=stream.max_msg_size,
        storage=StorageType.FILE,
        allow_direct=True,
        allow_atomic=True,
    )
    try:
        await js.update_stream(config)
    except NotFoundError:
        await js.add_stream(config)
    for consumer in stream.consumers:
        await ensure_consumer(js, stream.name, consumer)


async def ensure_consumer(js: JetStreamContext, stream_name: str, consumer: ConsumerLike) -> None:
    """Create or update a durable pull consumer with explicit acks."""
    filters = list(consumer.filters)
    config = ConsumerConfig(
        durable_name=consumer.durable,
        filter_subject=filters[0] if len(filters) == 1 else None,
        filter_subjects=filters if len(filters) > 1 else None,
        ack_policy=AckPolicy.EXPLICIT,
        deliver_policy=DeliverPolicy.ALL,
        ack_wait=consumer.ack_wait_seconds,
        max_deliver=consumer.max_deliver,
        max_ack_pending=consumer.max_ack_pending,
    )
    await js.add_consumer(stream_name, config)


class Outgoing(msgspec.Struct, frozen=True):
    """A message on its way out. ``msg_id`` lets the stream drop a second copy."""

    subject: str
    payload: bytes
    msg_id: str
    headers: dict[str, str] = {}


class Delivered(msgspec.Struct, frozen=True):
    """A message as its stream delivered it."""

    stream: str
    subject: str
    sequence: int
    stored_at_ns: int
    """When the stream stored it, in nanoseconds since 1970: tells a stream from the one before it of that name."""
    deliveries: int
    headers: dict[str, str]
    data: bytes


def delivered(message: Msg) -> Delivered:
    """Return the facts of a JetStream message."""
    metadata = message.metadata
    return Delivered(
        stream=metadata.stream,
        subject=message.subject,
        sequence=metadata.sequence.stream,
        stored_at_ns=int(metadata.timestamp.timestamp() * 1e9),
        deliveries=metadata.num_delivered,
        headers=dict(message.headers or {}),
        data=message.data,
    )


class Publisher:
    """Publishes into streams and waits for the stream's word that it has the message."""

    def __init__(self, js: JetStreamContext, timeout: float = 5.0) -> None:
        self._js = js
        self._timeout = timeout

    async def publish(self, message: Outgoing) -> None:
        """Publish one message. Raises what NATS raises when it is not confirmed."""
        headers = {**message.headers, "Nats-Msg-Id": message.msg_id}
        await self._js.publish(message.subject, message.payload, timeout=self._timeout, headers=headers)

    async def publish_all(self, messages: Sequence[Outgoing]) -> list[Outgoing]:
        """Publish each stream's messages in order, many at once; return those that were confirmed. Logs the others."""
        results = await asyncio.gather(*(self._publish_lane(lane) for lane in lanes(messages)))
        return [message for confirmed in results for message in confirmed]

    async def _publish_lane(self, messages: Sequence[Outgoing]) -> list[Outgoing]:
        confirmed: list[Outgoing] = []
        for batch in batches(messages):
            confirmed += await self._publish_batch(batch)
        return confirmed

    async def _publish_batch(self, batch: Sequence[Outgoing]) -> list[Outgoing]:
        if len(batch) >= SMALLEST_BATCH:
            try:
                await publish_batch(self._js._nc, batch, self._timeout)  # noqa: SLF001  no public way to it
            except BatchRefused as error:
                # Also when one of its messages is there already: only one by one are copies told apart.
                log.info("batch_refused", messages=len(batch), subject=batch[0].subject, reason=str(error))
            except Exception as error:  # noqa: BLE001  logged; whoever keeps the messages sends them again
                _log_unconfirmed([(message, error) for message in batch])
                return []
            else:
                return list(batch)
        return await self._publish_each(batch)

    async def _publish_each(self, messages: Sequence[Outgoing]) -> list[Outgoing]:
        results = await asyncio.gather(
            *(self.publish(message) for message in messages), return_exceptions=True
        )
        pairs = list(zip(messages, results, strict=True))
        _log_unconfirmed(
            [(message, result) for message, result in pairs if isinstance(result, BaseException)]
        )
        return [message for message, result in pairs if not isinstance(result, BaseException)]


def _log_unconfirmed(failed: Sequence[tuple[Outgoing, BaseException]]) -> None:
    if failed:
        message, reason = failed[0]
        log.warning(
            "publish_unconfirmed",
            messages=len(failed),
            subject=message.subject,
            reason=str(reason) or repr(reason),
        )


class SharedPublisher:
    """Publishes for many callers at once: what comes while others' messages are on their way goes out after them, together."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._waiting: list[tuple[Outgoing, asyncio.Future[bool]]] = []
        self._sending: asyncio.Task[None] | None = None

    async def publish(self, message: Outgoing) -> bool:
        """Publish one message; return whether it was confirmed."""
        confirmed: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((message, confirmed))
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send())
        return await confirmed

    async def _send(self) -> None:
        while self._waiting:
            waiting, self._waiting = self._waiting, []
            sent: set[int] = set()
            try:
                sent = {id(one) for one in await self._publisher.publish_all([one for one, _ in waiting])}
            finally:
                for message, confirmed in waiting:
                    if not confirmed.done():
                        confirmed.set_result(id(message) in sent)
