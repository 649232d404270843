"""Atomic batches: many messages into one stream for one write to disk (JetStream ADR-50, nats-server 2.12 and later).

A server that syncs every message confirms some thousands of them a second, and about ten times as many in batches.
A batch is stored as a whole or not at all, so whatever goes wrong with it the messages can be published one by one.
"""

from __future__ import annotations

import json
import uuid
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Protocol, TypeVar

from nats.aio.client import Client
from nats.errors import Error as NatsError

from chassis import logs

log = logs.get_logger(__name__)

SMALLEST = 16
"""A batch costs about as much as this many single messages."""
LARGEST = 500
"""The server takes at most 1,000."""


class Message(Protocol):
    """A message on its way out."""

    @property
    def subject(self) -> str: ...
    @property
    def payload(self) -> bytes: ...
    @property
    def msg_id(self) -> str: ...
    @property
    def headers(self) -> Mapping[str, str]: ...


M = TypeVar("M", bound=Message)


def grouped(messages: Sequence[M], starts: Collection[str]) -> tuple[list[M], list[list[M]]]:
    """Return the messages to publish one by one, and those that go as batches, each of one stream.

    ``starts`` are the beginnings of the streams' subjects, one for each stream; other messages go one by one.
    """
    groups: defaultdict[str, list[M]] = defaultdict(list)
    for message in messages:
        groups[next((start for start in starts if message.subject.startswith(start)), "")].append(message)
    singles = groups.pop("", [])
    chunks = [
        group[first : first + LARGEST] for group in groups.values() for first in range(0, len(group), LARGEST)
    ]
    singles += [message for chunk in chunks if len(chunk) < SMALLEST for message in chunk]
    return singles, [chunk for chunk in chunks if len(chunk) >= SMALLEST]


async def publish_batch(client: Client, messages: Sequence[Message], patience: float) -> bool:
    """Publish messages of one stream as one batch; return whether the stream has them all, or else none of them.

    Without an answer in time it says no, though the stream may have them; the ``msg_id`` makes a second copy harmless.
    """
    number = uuid.uuid4().hex
    try:
        for position, message in enumerate(messages[:-1], start=1):
            await client.publish(
                message.subject, message.payload, headers=_headers(message, number, position)
            )
        last = messages[-1]
        headers = {**_headers(last, number, len(messages)), "Nats-Batch-Commit": "1"}
        answer = await client.request(last.subject, last.payload, timeout=patience, headers=headers)
    except NatsError as error:
        log.warning("batch_unconfirmed", messages=len(messages), reason=str(error) or repr(error))
        return False
    return _stored(answer.data, number, len(messages))


def _headers(message: Message, number: str, position: int) -> dict[str, str]:
    return {
        **message.headers,
        "Nats-Msg-Id": message.msg_id,
        "Nats-Batch-Id": number,
        "Nats-Batch-Sequence": str(position),
    }


def _stored(data: bytes, number: str, messages: int) -> bool:
    """Read the answer. A server that knows no batches names none, and one that refuses it says why."""
    answer = json.loads(data)
    stored = bool(answer.get("batch") == number and answer.get("count") == messages)
    if not stored:
        log.debug("batch_refused", messages=messages, reason=answer.get("error"))
    return stored
