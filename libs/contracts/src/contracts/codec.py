"""The one JSON encoder, and decoders for what travels."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

import msgspec

from contracts.commands import JobCommand
from contracts.events import Event
from contracts.results import StageResult
from contracts.spending import PaidCall

T = TypeVar("T")

_encoder = msgspec.json.Encoder()
_job_command: msgspec.json.Decoder[JobCommand] = msgspec.json.Decoder(JobCommand)
_report: msgspec.json.Decoder[StageResult | PaidCall] = msgspec.json.Decoder(StageResult | PaidCall)
_event: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


def encode(message: object) -> bytes:
    """Return ``message`` as JSON."""
    return _encoder.encode(message)


def decode(data: bytes | str, kind: type[T]) -> T:
    """Return ``data`` as a ``kind``; raise :class:`msgspec.DecodeError` that says what does not fit."""
    return _read(lambda: msgspec.json.decode(data, type=kind))


def decode_command(data: bytes) -> JobCommand:
    """Return a job command by its tag; raise as :func:`decode` does."""
    return _read(lambda: _job_command.decode(data))


def decode_report(data: bytes) -> StageResult | PaidCall:
    """Return what a worker reports by its tag; raise as :func:`decode` does."""
    return _read(lambda: _report.decode(data))


def decode_event(data: bytes | str) -> Event:
    """Return an event by its ``type``; raise as :func:`decode` does."""
    return _read(lambda: _event.decode(data))


def fitting(items: Iterable[T], limit: int) -> tuple[T, ...]:
    """Return the items, in order, that together have at most ``limit`` bytes as a JSON array; others are left out."""
    chosen, used = [], len(b"[]")
    for item in items:
        size = len(encode(item)) + len(b",")
        if used + size <= limit:
            chosen.append(item)
            used += size
    return tuple(chosen)


def _read(decoding: Callable[[], T]) -> T:
    """Decode; bytes that are no text or are nested too deeply are unreadable like any other, not a crash."""
    try:
        return decoding()
    except (UnicodeError, RecursionError) as error:
        raise msgspec.DecodeError(f"the message is unreadable: {error}") from error
