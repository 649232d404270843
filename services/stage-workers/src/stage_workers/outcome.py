"""What a stage returns: its fate, as a value."""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

from contracts.results import Summary, Verdict

T = TypeVar("T")


class Done(msgspec.Struct, Generic[T], frozen=True):
    """The stage's output."""

    output: T
    verdict: Verdict | None = None
    """Set by the quality stage only."""
    summary: Summary | None = None
    """Set by the publish stage only."""


class Retry(msgspec.Struct, frozen=True):
    """Another attempt may succeed."""

    reason: str
    code: str = "stage_error"
    after_seconds: float | None = None
    """When the other side named a time to wait."""


class Fail(msgspec.Struct, frozen=True):
    """Another attempt would end the same way."""

    code: str
    reason: str


Outcome = Done[T] | Retry | Fail
