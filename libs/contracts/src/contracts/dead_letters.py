"""Messages that nobody can process, put aside with the reason, so that the others go on and a person may look."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

import msgspec

from contracts.payloads import MESSAGE_LIMIT

PAYLOAD_LIMIT = 640 * 1024
"""Bytes of the original that are kept: as base64 inside JSON they still fit a message."""
ENVELOPE_LIMIT = 64 * 1024
"""Bytes of a report beside the original, at most: its reason, names and headers."""


class DeadLetterCode(enum.StrEnum):
    """Why a message was put aside."""

    UNDECODABLE = "undecodable"
    """It is not what its subject promises: broken JSON, a missing field, an unknown kind."""

    UNKNOWN_VERSION = "unknown_version"
    """It was made for a newer release, and no worker of that release took it in time."""

    WORKER_LOST = "worker_lost"
    """Several workers took it, and each died before it reported."""

    TOO_LARGE = "too_large"
    """It is larger than what the message server takes, and was never sent."""

    REFUSED = "refused"
    """It was read, and applying it raised an error again and again."""


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True, tag="dead_letter"):
    """One message that was put aside."""

    message_id: str
    """``<stream>/<sequence>/<nanoseconds>`` of the original: the same for every copy of this report."""
    stream: str
    subject: str
    code: DeadLetterCode
    reason: str
    payload: bytes
    truncated: bool = False
    """The original was larger than what is kept; such a letter cannot be sent again."""
    headers: dict[str, str] = {}
    deliveries: int
    service: str
    """Who put it aside."""
    at: datetime


class Unsent(Protocol):
    """A message that was to be published."""

    @property
    def subject(self) -> str: ...
    @property
    def payload(self) -> bytes: ...
    @property
    def msg_id(self) -> str: ...
    @property
    def headers(self) -> Mapping[str, str]: ...


class Delivered(Protocol):
    """A message as its stream delivered it."""

    @property
    def stream(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def sequence(self) -> int: ...
    @property
    def stored_at_ns(self) -> int: ...
    @property
    def deliveries(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def data(self) -> bytes: ...


def too_large(message: Unsent, stream: str, limit: int, service: str, now: datetime) -> DeadLetter:
    """Return the report on a message of which the server takes no more than ``limit`` bytes."""
    kept = kept_bytes(limit)
    size = len(message.payload)
    return DeadLetter(
        message_id=f"unsent/{service}/{message.msg_id}",
        stream=stream,
        subject=message.subject,
        code=DeadLetterCode.TOO_LARGE,
        reason=f"the message has {size} bytes; the message server takes at most {limit}, headers included",
        payload=message.payload[:kept],
        truncated=size > kept,
        headers={**message.headers, "Nats-Msg-Id": message.msg_id},
        deliveries=0,
        service=service,
        at=now,
    )


def kept_bytes(limit: int) -> int:
    """Return how much of an original a report holds that is to fit into ``limit`` bytes."""
    return min(PAYLOAD_LIMIT, max(0, limit - min(ENVELOPE_LIMIT, limit // 2)) * 3 // 4)


def dead_letter(
    message: Delivered,
    code: DeadLetterCode,
    reason: str,
    service: str,
    now: datetime,
    limit: int = MESSAGE_LIMIT,
) -> DeadLetter:
    """Return the report on ``message``, as a message of at most ``limit`` bytes."""
    kept = kept_bytes(limit)
    return DeadLetter(
        message_id=f"{message.stream}/{message.sequence}/{message.stored_at_ns}",
        stream=message.stream,
        subject=message.subject,
        code=code,
        reason=reason[:2000],
        payload=message.data[:kept],
        truncated=len(message.data) > kept,
        headers=dict(message.headers),
        deliveries=message.deliveries,
        service=service,
        at=now,
    )
