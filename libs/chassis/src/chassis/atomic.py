"""Many messages of one stream in one atomic batch: one sync to disk instead of one for each (NATS ADR-50).

A batch is stored whole or not at all, and is on disk when it is confirmed, like a single message.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from nats.aio.client import Client

SMALLEST_BATCH = 16
"""The server prepares a batch in files of its own: fewer messages are stored sooner one by one."""
LARGEST_BATCH = 200
"""Messages; servers refuse more than 1000."""
LARGEST_BATCH_BYTES = 4 * 1024 * 1024


class Message(Protocol):
    """A message on its way out."""

    @property
    def subject(self) -> str: ...
    @property
    def payload(self) -> bytes: ...
    @property
    def headers(self) -> dict[str, str]: ...
    @property
    def msg_id(self) -> str: ...


class BatchRefused(Exception):
    """The server does not take the batch as one; its messages can still be published one by one."""


def lanes(messages: Sequence[Any]) -> list[list[Any]]:
    """Return messages in groups that may be batches: those of a stream share the first two tokens of their subjects.

    A guess that is wrong costs time alone: the server refuses a batch that is not of one stream.
    """
    groups: dict[tuple[str, ...], list[Any]] = {}
    for message in messages:
        groups.setdefault(tuple(message.subject.split(".", 2)[:2]), []).append(message)
    return list(groups.values())


def batches(messages: Sequence[Any]) -> Iterator[list[Any]]:
    """Cut a group into batches within the limits, in order."""
    batch: list[Any] = []
    size = 0
    for message in messages:
        if batch and (len(batch) == LARGEST_BATCH or size + len(message.payload) > LARGEST_BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(message)
        size += len(message.payload)
    if batch:
        yield batch


async def publish_batch(client: Client, messages: Sequence[Message], seconds: float) -> None:
    """Publish a batch and wait for the stream's word that it has all of it. Raises BatchRefused, or what NATS raises."""
    number = uuid.uuid4().hex
    headers = [
        {
            **message.headers,
            "Nats-Msg-Id": message.msg_id,
            "Nats-Batch-Id": number,
            "Nats-Batch-Sequence": str(place),
        }
        for place, message in enumerate(messages, 1)
    ]
    for message, own in zip(messages[:-1], headers, strict=False):
        await client.publish(message.subject, message.payload, headers=own)
    last = messages[-1]
    commit = {**headers[-1], "Nats-Batch-Commit": "1"}
    answer = json.loads(
        (await client.request(last.subject, last.payload, headers=commit, timeout=seconds)).data
    )
    if answer.get("batch") != number or answer.get("count") != len(messages):
        raise BatchRefused(answer.get("error", {}).get("description", "atomic batches are not known here"))
