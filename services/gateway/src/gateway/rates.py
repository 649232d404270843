"""How often a tenant may ask: a bucket that holds a minute's requests and fills evenly."""

from __future__ import annotations

import math

import msgspec

WINDOW_SECONDS = 60.0
ROUNDING = 1e-5
"""Seconds that sums of times may be off."""
MOST_TENANTS = 10_000
"""Remembered at once; one whose bucket is full again is forgotten first."""


class Verdict(msgspec.Struct, frozen=True):
    """What came of a request."""

    allowed: bool
    limit: int
    remaining: int
    """Requests that would be let in at once."""
    full_seconds: float
    """Until the bucket is full again."""
    retry_seconds: float
    """Until the next request is let in; 0 when one would be now."""
    full_at: float
    """The new state of the bucket."""


def take(full_at: float, now: float, per_minute: int) -> Verdict:
    """Take one request out of a bucket that will be full at ``full_at`` (the generic cell rate algorithm)."""
    interval = WINDOW_SECONDS / per_minute
    after = max(full_at, now) + interval
    allowed = after - now <= WINDOW_SECONDS + ROUNDING
    state = after if allowed else max(full_at, now)
    missing = state - now
    return Verdict(
        allowed=allowed,
        limit=per_minute,
        remaining=max(0, math.floor((WINDOW_SECONDS - missing + ROUNDING) / interval)),
        full_seconds=missing,
        retry_seconds=max(0.0, missing + interval - WINDOW_SECONDS),
        full_at=state,
    )


class Rates:
    """The buckets of this process. Several gateways each have their own, so the limits add up."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._full_at: dict[str, float] = {}

    def take(self, tenant: str, now: float) -> Verdict | None:
        """Count a tenant's request at a monotonic time in seconds; None when there is no limit."""
        if not self._per_minute:
            return None
        verdict = take(self._full_at.get(tenant, 0.0), now, self._per_minute)
        self._full_at[tenant] = verdict.full_at
        if len(self._full_at) > MOST_TENANTS:
            self._full_at = {name: full_at for name, full_at in self._full_at.items() if full_at > now}
        return verdict


def rate_headers(verdict: Verdict) -> dict[str, str]:
    """Return what tells a client of its limit (draft-ietf-httpapi-ratelimit-headers-10)."""
    return {
        "RateLimit-Policy": f'"tenant";q={verdict.limit};w={WINDOW_SECONDS:.0f}',
        "RateLimit": f'"tenant";r={verdict.remaining};t={math.ceil(verdict.full_seconds - ROUNDING)}',
    }
