"""What is written down outside of the system while it is being hurt: append-only files, one record per line."""

from __future__ import annotations

import time
from pathlib import Path
from typing import IO, TypeVar

import msgspec

R = TypeVar("R", bound=msgspec.Struct)


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened; ``at`` is the harness's clock, in seconds since 1970."""

    at: float


class Accepted(Record, frozen=True, kw_only=True):
    """The gateway's word that it has a job."""

    key: str
    job_id: str
    callback: bool
    bait: str = ""
    """The field that names a place which nobody must connect to."""


class Steered(Record, frozen=True, kw_only=True):
    """The gateway's word on a cancel or a retry."""

    action: str
    job_id: str
    status: int


class Answer(Record, frozen=True, kw_only=True):
    """One HTTP exchange of the client; status 0 when there was no answer. ``at`` is when it was sent."""

    method: str
    path: str
    status: int
    seconds: float
    retry_after: str | None = None
    reason: str = ""


class Receipt(Record, frozen=True, kw_only=True):
    """One webhook as a sink got it."""

    sink: str
    job_id: str
    seq: int
    message_id: str
    timestamp: int
    problem: str
    """Why the signature does not verify; empty when it does."""
    status: int
    """What the sink answered; 0 for nothing."""


class Call(Record, frozen=True, kw_only=True):
    """One paid call of a stage."""

    job_id: str
    stage: str
    round: int
    key: str
    worker: str


class Copied(Record, frozen=True, kw_only=True):
    """A message that was published a second time."""

    subject: str


class Touched(Record, frozen=True, kw_only=True):
    """A connection to a canary."""

    canary: str


class Fault(Record, frozen=True, kw_only=True):
    """An injected fault; ``at`` is its start."""

    kind: str
    target: str
    ended: float
    note: str = ""


class Exited(Record, frozen=True, kw_only=True):
    """The end of a process."""

    process: str
    code: int


class Readiness(Record, frozen=True, kw_only=True):
    """Which processes were not ready."""

    unready: tuple[str, ...]


class Sample(Record, frozen=True, kw_only=True):
    """What a process holds at the end."""

    process: str
    megabytes: float
    files: int
    threads: int


class Journal:
    """The files of one run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[type[Record], IO[bytes]] = {}

    def write(self, record: Record) -> None:
        """Append a record; it is with the operating system when this returns."""
        kind = type(record)
        if kind not in self._files:
            self._files[kind] = path_of(self._folder, kind).open("ab", buffering=0)
        self._files[kind].write(msgspec.json.encode(record) + b"\n")

    def close(self) -> None:
        """Close the files."""
        for file in self._files.values():
            file.close()


def path_of(folder: Path, kind: type[msgspec.Struct]) -> Path:
    """Return the file of one kind of record."""
    return folder / f"{kind.__name__.lower()}.jsonl"


def read(folder: Path, kind: type[R]) -> list[R]:
    """Return all records of a kind, in the order in which they were written."""
    path = path_of(folder, kind)
    lines = path.read_bytes().splitlines() if path.exists() else []
    return [msgspec.json.decode(line, type=kind) for line in lines]


def now() -> float:
    """Return the harness's time."""
    return time.time()
