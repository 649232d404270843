"""NATS: connections that come back, streams from data, publishing with confirmation."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec
from faststream.nats import NatsBroker
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import ConnectionClosedError
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
from nats.js.errors import APIError, NotFoundError

from chassis import atomic, logs
from chassis.errors import ConnectionLost, ServerUnreachable
from chassis.nats_client import SteadyClient

log = logs.get_logger(__name__)

CONNECT_SECONDS = 10.0
"""How long a server that has just answered may take to answer again."""


SETTLE_SECONDS = 1.0
"""How long an attempt to connect that nobody wants any more may take to come to its end."""


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
    """Return connection options under which a client never gives up and sees a dead link within 15 seconds."""
    return {
        "name": name,
        "max_reconnect_attempts": -1,
        "reconnect_time_wait": 0.25,
        "ping_interval": 5,
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
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            return await _open(url, closed_cb=closed, error_cb=failed, **options(name))
    except TimeoutError as error:  # it went away since the probe
        raise ServerUnreachable("NATS_URL", f"nothing within {CONNECT_SECONDS:.0f} s") from error


async def lost(closed: asyncio.Event) -> None:
    """Wait for the event that ``on_closed`` sets, and raise ConnectionLost: a loop for services that need NATS."""
    await closed.wait()
    raise ConnectionLost("NATS_URL: the server closed the connection for good")


async def _probe(url: str, name: str) -> None:
    """Connect once: with endless reconnects the first connect would also wait for ever."""
    reasons: list[Exception] = []

    async def failed(error: Exception) -> None:
        reasons.append(error)

    # To nats-py 0 tries are endless ones, and more than one is what it takes to end them.
    once = {**options(name), "max_reconnect_attempts": 1, "allow_reconnect": False, "connect_timeout": 5}
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            client = await _open(url, error_cb=failed, **once)
    except (OSError, NatsError, ValueError) as error:
        reason = reasons[-1] if reasons else error
        raise ServerUnreachable("NATS_URL", str(reason) or type(reason).__name__) from error
    await asyncio.shield(asyncio.gather(client.close(), return_exceptions=True))  # whoever stops waiting


async def _open(url: str, **settings: Any) -> Client:
    """Connect, and leave nothing open when that fails or is cancelled."""
    client = SteadyClient()
    connecting = asyncio.ensure_future(client.connect(url, **settings))
    try:
        await asyncio.shield(connecting)
    except BaseException:
        # Cancelled in the middle it would leave a socket that nobody knows of.
        try:
            with contextlib.suppress(Exception):  # what stopped it is raised below
                await asyncio.wait_for(connecting, SETTLE_SECONDS)
        finally:
            await asyncio.shield(asyncio.gather(client.close(), return_exceptions=True))
        raise
    return client


def faststream_broker(url: str, name: str, on_closed: Callable[[], None]) -> NatsBroker:
    """Return a FastStream broker with the same connection options."""

    async def closed() -> None:
        on_closed()

    return NatsBroker(url, logger=None, closed_cb=closed, **options(name))


async def stop_broker(broker: NatsBroker) -> None:
    """Stop a FastStream broker, also one whose connection is closed already."""
    try:
        await broker.stop()
    except* ConnectionClosedError:
        log.debug("broker_was_closed")


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
    """Create or update a durable pull consumer with explicit acks.

    One that differs in what a consumer can only be made with, as where it began, is left as it is: to make it anew takes
    a decision where it goes on.
    """
    try:
        await js.add_consumer(stream_name, consumer_config(consumer))
    except APIError as error:
        if error.err_code != 10012:  # noqa: PLR2004  settings that a consumer can only be made with
            raise
        log.info("consumer_kept", stream=stream_name, consumer=consumer.durable, reason=error.description)


def consumer_config(consumer: ConsumerLike, start: int | None = None) -> ConsumerConfig:
    """Return a consumer's settings; it begins with the oldest message of its stream, or at a sequence."""
    return ConsumerConfig(
        durable_name=consumer.durable,
        filter_subject=consumer.filters[0] if len(consumer.filters) == 1 else None,
        filter_subjects=list(consumer.filters) if len(consumer.filters) > 1 else None,
        ack_policy=AckPolicy.EXPLICIT,
        deliver_policy=DeliverPolicy.BY_START_SEQUENCE if start else DeliverPolicy.ALL,
        opt_start_seq=start,
        ack_wait=consumer.ack_wait_seconds,
        max_deliver=consumer.max_deliver,
        max_ack_pending=consumer.max_ack_pending,
    )


class Outgoing(msgspec.Struct, frozen=True):
    """A message on its way out. ``msg_id`` lets the stream drop a second copy."""

    subject: str
    payload: bytes
    msg_id: str
    headers: dict[str, str] = {}

    def size(self) -> int:
        """Return its bytes, and for its headers at least as many as publishing makes of them."""
        return len(self.payload) + len(str(self.headers).encode()) + len(self.msg_id.encode()) + 256


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
    """Publishes into streams and waits for the stream's word that it has the message.

    Many messages at once for one of ``streams`` go as atomic batches, where the server takes them.
    """

    def __init__(
        self, js: JetStreamContext, streams: Sequence[StreamLike] = (), timeout: float = 5.0
    ) -> None:
        self._js = js
        self._timeout = timeout
        self._sizes = [stream.max_msg_size for stream in streams]
        self._starts = {subject.split("*", 1)[0] for stream in streams for subject in stream.subjects}

    @property
    def limit(self) -> int:
        """Bytes of the largest message that the server and all streams take, its headers included."""
        return min([self._js._nc.max_payload, *self._sizes])  # noqa: SLF001  no public way

    async def publish(self, message: Outgoing) -> None:
        """Publish one message. Raises what NATS raises when it is not confirmed."""
        headers = {**message.headers, "Nats-Msg-Id": message.msg_id}
        await self._js.publish(message.subject, message.payload, timeout=self._timeout, headers=headers)

    async def publish_all(self, messages: Sequence[Outgoing]) -> list[Outgoing]:
        """Publish concurrently, each stream's in order; return those that were confirmed. Logs the others."""
        singles, batches = atomic.grouped(messages, self._starts)
        groups = await asyncio.gather(self._each(singles), *map(self._batch, batches))
        return [message for group in groups for message in group]

    async def _batch(self, messages: list[Outgoing]) -> list[Outgoing]:
        if await atomic.publish_batch(self._js._nc, messages, self._timeout):  # noqa: SLF001  no public way
            return messages
        return await self._each(messages)

    async def _each(self, messages: Sequence[Outgoing]) -> list[Outgoing]:
        sending = [self.publish(message) for message in messages]
        fates = list(zip(messages, await asyncio.gather(*sending, return_exceptions=True), strict=True))
        failed = [(message, error) for message, error in fates if isinstance(error, BaseException)]
        for first, why in failed[:1]:
            log.warning("publish_unconfirmed", messages=len(failed), subject=first.subject, reason=repr(why))
        return [message for message, error in fates if not isinstance(error, BaseException)]
