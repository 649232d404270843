"""A delivery, one attempt at it, and what follows from an attempt. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Literal

import msgspec

from notifier.schedule import delay, pause, retry_after

Status = Literal["pending", "delivered", "exhausted", "held", "discarded"]

PERMANENT = frozenset({"invalid_url", "ssrf_blocked"})
"""Reasons after which no attempt follows: the address names none, or one that must not be called."""
GONE = "http_410"
"""The receiver is gone for good: its endpoint is disabled, and what waits for it is held."""


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One webhook, claimed for an attempt."""

    id: int
    job_id: str
    tenant: str
    seq: int
    event: str
    url: str
    endpoint: str
    """Its tenant and url in one word."""
    host: str
    body: bytes
    attempts: int
    """Attempts that were recorded before this one."""
    throttles: int
    """Those of them that do not count, since the receiver asked for a pause."""
    claimed_until: datetime
    """Ours until then; also tells our claim from a later one."""
    probe: bool = False
    """Whether the others to its endpoint wait for how it goes."""

    @property
    def message_id(self) -> str:
        """The ``webhook-id``: the same in every attempt, by which receivers know a repetition."""
        return f"msg_{self.job_id}_{self.seq}"


class Candidate(msgspec.Struct, frozen=True):
    """A delivery that is due."""

    id: int
    endpoint: str
    host: str
    probe: bool
    """Its endpoint's breaker is half open: one may go there, to see."""


class Caps(msgspec.Struct, frozen=True):
    """Attempts in flight in this process, at most."""

    in_all: int
    per_endpoint: int
    per_host: int


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
    throttled: bool = False
    """Whether the attempt is not counted."""


def throttled(outcome: Outcome) -> bool:
    """Whether a receiver asks to be left alone for a while, and so the attempt is nobody's failure."""
    return outcome.status_code == 429 or (  # noqa: PLR2004  the status says it
        outcome.status_code == 503 and outcome.retry_after is not None  # noqa: PLR2004  as above
    )


def settle(
    delivery: Delivery,
    outcome: Outcome,
    ladder: Sequence[float],
    spread: float,
    now: datetime,
    *,
    disabled: bool,
) -> Verdict:
    """Judge a delivery whose attempt has ended; ``disabled`` says how its endpoint stands by now.

    ``spread`` is random in [0, 1).
    """
    if outcome.reason == "delivered":
        return Verdict(status="delivered")
    if outcome.reason in PERMANENT:
        return Verdict(status="exhausted")
    if disabled:
        return Verdict(status="held")
    asked = retry_after(outcome.retry_after, now)
    if throttled(outcome):
        return Verdict(status="pending", delay_seconds=pause(delivery.throttles, asked), throttled=True)
    wait = delay(ladder, delivery.attempts - delivery.throttles + 1, spread)
    if wait is None:
        return Verdict(status="exhausted")
    return Verdict(status="pending", delay_seconds=max(wait, asked))


def choose(
    candidates: Iterable[Candidate],
    in_flight: Iterable[tuple[str, str]],
    tokens: Callable[[str], int],
    caps: Caps,
) -> list[Candidate]:
    """Return the candidates to send now, in their order.

    ``in_flight`` are endpoints and hosts of what is on the way, ``tokens`` tells what an endpoint's rate leaves.
    """
    flying = list(in_flight)
    endpoints, hosts = Counter(endpoint for endpoint, _ in flying), Counter(host for _, host in flying)
    room, chosen = caps.in_all - len(flying), list[Candidate]()
    started: Counter[str] = Counter()
    for each in candidates:
        most = 1 if each.probe else caps.per_endpoint
        if (
            len(chosen) < room
            and endpoints[each.endpoint] < most
            and hosts[each.host] < caps.per_host
            and started[each.endpoint] < tokens(each.endpoint)
        ):
            endpoints[each.endpoint] += 1
            hosts[each.host] += 1
            started[each.endpoint] += 1
            chosen.append(each)
    return chosen
