"""How fast webhooks go to one endpoint: a token bucket for each. Pure: the time is handed in."""

from __future__ import annotations

import msgspec


class _Bucket(msgspec.Struct):
    tokens: float
    at: float


class Rates:
    """Tokens by endpoint, ``per_second`` of them, and as many at once."""

    def __init__(self, per_second: float) -> None:
        self._rate = per_second
        self._most = max(1.0, per_second)
        self._buckets: dict[str, _Bucket] = {}

    def left(self, endpoint: str, now: float) -> int:
        """Return how many webhooks may go to ``endpoint`` at once."""
        return int(self._tokens(endpoint, now))

    def spend(self, endpoint: str, now: float) -> None:
        """Note that a webhook goes there."""
        bucket = _Bucket(self._tokens(endpoint, now) - 1, now)
        self._buckets.pop(endpoint, None)
        self._buckets[endpoint] = bucket  # behind all others, which were used before
        self._forget_full(now)

    def empty(self, now: float) -> list[str]:
        """Return the endpoints to which none may go now."""
        return [endpoint for endpoint in self._buckets if self.left(endpoint, now) < 1]

    def seconds_until_next(self, now: float) -> float | None:
        """Return after how many seconds the first of those has a token; None when there is none."""
        waits = [(1 - self._tokens(endpoint, now)) / self._rate for endpoint in self.empty(now)]
        return min(waits, default=None)

    def _tokens(self, endpoint: str, now: float) -> float:
        bucket = self._buckets.get(endpoint)
        if bucket is None:
            return self._most
        return min(self._most, bucket.tokens + (now - bucket.at) * self._rate)

    def _forget_full(self, now: float) -> None:
        """Keep no full bucket, which is as good as none: those that are kept are looked at for each webhook."""
        while self._tokens(oldest := next(iter(self._buckets)), now) >= self._most:
            del self._buckets[oldest]
