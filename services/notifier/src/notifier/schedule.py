"""When the next attempt is due. Pure: time and chance are handed in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

MINUTE = 60.0
HOUR = 60 * MINUTE

LADDER = (0.0, 5.0, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR)
"""Seconds before each attempt, as Standard Webhooks suggests: ten attempts over about 75 hours."""
JITTER = 0.2
LONGEST_RETRY_AFTER = 24 * HOUR


def delay(ladder: Sequence[float], attempts: int, spread: float) -> float | None:
    """Return the seconds until the next attempt after ``attempts`` of them, or None when all were used.

    ``spread`` is random in [0, 1) and moves the delay by up to ± 20 %.
    """
    if attempts >= len(ladder):
        return None
    return ladder[attempts] * (1 - JITTER + 2 * JITTER * spread)


def pause(throttles: int, asked: float) -> float:
    """Return the seconds that a receiver is left alone for which asked for it, for the ``throttles``-th time and one.

    At least a second, doubling up to an hour: who asks for none at all for days would else be called every moment.
    """
    return max(asked, min(2.0 ** min(throttles, 12), HOUR))


def retry_after(header: str | None, now: datetime) -> float:
    """Return the seconds that a ``Retry-After`` header asks for: 0 if it says nothing, 24 hours at most."""
    if header is None:
        return 0.0
    text = header.strip()
    if text.isascii() and text.isdigit():
        return min(float(text), LONGEST_RETRY_AFTER)
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    aware = date if date.tzinfo else date.replace(tzinfo=UTC)
    return min(max((aware - now).total_seconds(), 0.0), LONGEST_RETRY_AFTER)
