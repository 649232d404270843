"""How long a server asks to wait."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_WAIT = 3600.0


def seconds(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return what Retry-After says, as seconds or as a date; None when it says nothing that can be read."""
    named = {name.lower(): value for name, value in headers.items()}.get("retry-after", "").strip()
    if named.isdecimal():
        return bounded(float(named))
    return bounded(_until(named, now)) if named else None


def bounded(wait: float | None) -> float | None:
    """Return a wait that a server may ask for."""
    return None if wait is None else min(max(wait, 0.0), LONGEST_WAIT)


def _until(date: str, now: datetime) -> float | None:
    try:
        at = parsedate_to_datetime(date)
    except ValueError:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - now.timestamp()
