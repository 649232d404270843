"""Endpoints that fail: a breaker that opens, a pause that was asked for, and when an endpoint is disabled. Pure.

A closed breaker lets everything through. After :data:`THRESHOLD` failures in a row it opens, longer each time; then it is
half open: one webhook goes out as a probe. What a receiver takes makes it forget all of this.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from notifier.deliveries import GONE, PERMANENT, Outcome, throttled

THRESHOLD = 10
"""Failures in a row that open the breaker."""
MOST_DOUBLINGS = 4
"""Of the time that it stays open."""
DISABLED_AFTER = timedelta(days=5)
"""Without a single success, an endpoint is not called any more: longer than the ladder is."""


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an address that did not take its last webhook."""

    failures: int = 0
    """In a row."""
    failing_since: datetime | None = None
    trips: int = 0
    """How often the breaker opened, in a row."""
    opened_at: datetime | None = None
    open_until: datetime | None = None
    """Nothing is sent before then."""
    disabled_at: datetime | None = None
    disabled_reason: str | None = None
    """``gone`` (it answered 410) or ``failing``."""


def after_failure(
    endpoint: Endpoint,
    outcome: Outcome,
    pause: float,
    started_at: datetime,
    now: datetime,
    open_seconds: float,
    *,
    probe: bool = False,
) -> Endpoint:
    """Return what is known of an endpoint after an attempt that began at ``started_at`` and was not taken.

    ``pause`` is what a receiver that throttles is left alone for, ``open_seconds`` how long the breaker opens first.
    A ``probe`` is an attempt that the others waited for: unless the breaker opens again, they need not wait any more.
    """
    if outcome.reason in PERMANENT or outcome.reason == "internal_error":
        return endpoint  # nothing was heard of it
    since = endpoint.failing_since or started_at
    known = msgspec.structs.replace(endpoint, failing_since=since)
    if outcome.reason == GONE:
        return _disabled(known, "gone", now)
    if now - since >= DISABLED_AFTER:
        return _disabled(known, "failing", now)
    if throttled(outcome):
        return _open(known, now, pause)
    if not is_failure_of_all(outcome):
        return _answers(known)
    counted = _counted(known, started_at, now, open_seconds)
    waits = counted.open_until is not None and counted.open_until != endpoint.open_until
    return msgspec.structs.replace(counted, open_until=None) if probe and not waits else counted


def is_failure_of_all(outcome: Outcome) -> bool:
    """Whether a failure says something of the endpoint, and not of this one webhook, as 400 and 422 may."""
    status = outcome.status_code or 0
    return not 400 <= status < 500 or status == 408  # noqa: PLR2004  the ranges of HTTP


def _counted(endpoint: Endpoint, started_at: datetime, now: datetime, open_seconds: float) -> Endpoint:
    counted = msgspec.structs.replace(endpoint, failures=endpoint.failures + 1)
    if counted.failures < THRESHOLD or (counted.opened_at is not None and started_at < counted.opened_at):
        return counted
    seconds = open_seconds * 2.0 ** min(counted.trips, MOST_DOUBLINGS)
    return _open(msgspec.structs.replace(counted, trips=counted.trips + 1, opened_at=now), now, seconds)


def _open(endpoint: Endpoint, now: datetime, seconds: float) -> Endpoint:
    return msgspec.structs.replace(endpoint, open_until=now + timedelta(seconds=seconds))


def _answers(endpoint: Endpoint) -> Endpoint:
    """Close the breaker: somebody is there, who does not want this webhook."""
    return msgspec.structs.replace(endpoint, failures=0, trips=0, opened_at=None, open_until=None)


def _disabled(endpoint: Endpoint, reason: str, now: datetime) -> Endpoint:
    if endpoint.disabled_at is not None:
        return endpoint
    return msgspec.structs.replace(endpoint, disabled_at=now, disabled_reason=reason)
