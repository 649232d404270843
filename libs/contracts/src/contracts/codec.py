"""The one JSON encoder, and decoders for what travels."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from contracts.commands import JobCommand
from contracts.events import Event

T = TypeVar("T")

_encoder = msgspec.json.Encoder()
_job_command: msgspec.json.Decoder[JobCommand] = msgspec.json.Decoder(JobCommand)
_event: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


def encode(message: object) -> bytes:
    """Return ``message`` as JSON."""
    return _encoder.encode(message)


def decode(data: bytes | str, kind: type[T]) -> T:
    """Return ``data`` as a ``kind``; raise :class:`msgspec.DecodeError` that says what does not fit."""
    return msgspec.json.decode(data, type=kind)


def decode_command(data: bytes) -> JobCommand:
    """Return a job command by its tag."""
    return _job_command.decode(data)


def decode_event(data: bytes | str) -> Event:
    """Return an event by its ``type``."""
    return _event.decode(data)
