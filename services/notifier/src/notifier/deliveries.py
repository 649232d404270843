"""A delivery, one attempt at it, and what follows from an attempt. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

import msgspec

from notifier.schedule import delay, retry_after

Status = Literal["pending", "delivered", "exhausted", "discarded"]

PERMANENT = frozenset({"http_410", "invalid_url", "ssrf_blocked"})
"""Reasons after which no attempt follows: the receiver is gone for good, the address names none, or one that must not
be called."""


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One webhook, claimed for an attempt."""

    id: int
    job_id: str
    tenant: str
    seq: int
    event: str
    url: str
    host: str
    body: bytes
    attempts: int
    """Attempts that were recorded before this one."""
    claimed_until: datetime
    """Ours until then; also tells our claim from a later one."""

    @property
    def message_id(self) -> str:
        """The ``webhook-id``: the same in every attempt, by which receivers know a repetition."""
        return f"msg_{self.job_id}_{self.seq}"


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How one attempt went."""

    reason: str
    """delivered, dns, connect, tls, timeout, disconnected, invalid_url, ssrf_blocked, internal_error, or http_<status>."""
    status_code: int | None = None
    retry_after: str | None = None
    """The header as received."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of the delivery."""

    status: Status
    delay_seconds: float = 0.0
    """Until the next attempt, while pending."""


def settle(attempts: int, outcome: Outcome, ladder: Sequence[float], spread: float, now: datetime) -> Verdict:
    """Judge a delivery whose attempt number ``attempts`` has ended. ``spread`` is random in [0, 1)."""
    if outcome.reason == "delivered":
        return Verdict(status="delivered")
    wait = None if outcome.reason in PERMANENT else delay(ladder, attempts, spread)
    if wait is None:
        return Verdict(status="exhausted")
    return Verdict(status="pending", delay_seconds=max(wait, retry_after(outcome.retry_after, now)))


def choose(
    candidates: Sequence[tuple[int, str]], in_flight: Mapping[str, int], room: int, per_host: int
) -> list[int]:
    """Return ids of the (id, host) candidates to send now, oldest first: ``room`` in all, ``per_host`` at one host."""
    taken = dict(in_flight)
    chosen: list[int] = []
    for identifier, host in candidates:
        if len(chosen) < room and taken.get(host, 0) < per_host:
            taken[host] = taken.get(host, 0) + 1
            chosen.append(identifier)
    return chosen
