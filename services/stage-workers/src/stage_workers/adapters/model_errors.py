"""What a provider's refusal means: one table for all of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from stage_workers.adapters import retry_after
from stage_workers.errors import Permanent, PortError, Transient

_REASON = 500
_KEY_WORDS = re.compile(r"API_KEY_INVALID|API key not valid|invalid_api_key", re.IGNORECASE)
_BLOCKED_WORDS = re.compile(r"content_filter|content_policy|safety system", re.IGNORECASE)
_RETRY_DELAY = re.compile(r'"?retry_?delay"?\s*:\s*"?(\d+(?:\.\d+)?)s', re.IGNORECASE)
_PASSING = frozenset({409, 425})
_TOO_LATE = frozenset({408, 499, 504, 524})
"""Somebody on the way stopped waiting: the model may have answered, and charged for it."""


def refusal(
    status: int, body: str, headers: Mapping[str, str], *, provider: str, key: str, now: datetime
) -> PortError:
    """Return the error for an answer with this HTTP status. The key is never part of the reason."""
    reason = hidden(f"{provider} answered {status}: {' '.join(body.split())}", key)[:_REASON]
    wait = _wait(body, headers, now)
    if status == 429:  # noqa: PLR2004  Too Many Requests
        return Transient("model_rate_limited", reason, wait)
    if status >= 500 or status in _PASSING | _TOO_LATE:  # noqa: PLR2004  server errors
        return Transient("model_timeout" if status in _TOO_LATE else "model_unavailable", reason, wait)
    if status in {401, 403} or _KEY_WORDS.search(body):
        return Permanent("model_key", reason)
    if status == 404:  # noqa: PLR2004  Not Found
        return Permanent("model_unknown", reason)
    if _BLOCKED_WORDS.search(body):
        return Permanent("model_blocked", reason)
    return Permanent("model_request", reason)


def hidden(text: str, key: str) -> str:
    """Return ``text`` without the key."""
    return text.replace(key, "***") if key else text


def blocked(provider: str, why: str) -> Permanent:
    """Return the error for an answer that the provider withholds."""
    return Permanent("model_blocked", f"{provider} withholds its answer: {why}"[:_REASON])


def late(provider: str, seconds: float) -> Transient:
    """Return the error for an answer that did not come in time."""
    return Transient("model_timeout", f"{provider} did not answer within {seconds:g} s")


def lost(provider: str, why: str, key: str) -> Transient:
    """Return the error for a connection that could not be made, or broke before the answer was whole."""
    return Transient("model_unreachable", hidden(f"{provider}: {why}", key)[:_REASON])


def garbled(provider: str, why: str) -> Transient:
    """Return the error for an answer that is not what the provider's interface promises."""
    return Transient("model_malformed", f"{provider} gave an answer that cannot be read: {why}"[:_REASON])


def _wait(body: str, headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the seconds that the provider asks to wait: of the header, or of Google's error detail."""
    named = retry_after.seconds(headers, now)
    found = _RETRY_DELAY.search(body)
    return retry_after.bounded(float(found[1])) if named is None and found else named
