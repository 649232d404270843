"""For receivers of webhooks: is it from blog-writer, and what does it say. No IO."""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from blog_writer.errors import CommandError
from notifier.errors import InvalidMessageId
from notifier.signing import key_of, sign

TOLERANCE_SECONDS = 300.0
"""How far a webhook's timestamp may be from the receiver's clock (Standard Webhooks 1.0 asks for some limit)."""


class InvalidWebhook(CommandError):
    """A request that is no webhook of ours; the message says what does not fit."""


def verify_webhook(
    body: bytes, headers: Mapping[str, str], secrets: str | Sequence[str], *, now: float | None = None
) -> dict[str, Any]:
    """Return the payload of a webhook after checking its signature with any of the secrets (``whsec_…``).

    ``body`` are the bytes as they came, ``headers`` those of the request in any case, ``now`` the receiver's clock in
    Unix seconds. Raises InvalidWebhook, and notifier.errors.InvalidSecret for what is no secret.
    """
    given = {name.lower(): value for name, value in headers.items()}
    message_id, timestamp = _header(given, "webhook-id"), _header(given, "webhook-timestamp")
    keys = [key_of(secret) for secret in ([secrets] if isinstance(secrets, str) else secrets)]
    _check_time(timestamp, time.time() if now is None else now)
    _check_signature(keys, message_id, int(timestamp), body, _header(given, "webhook-signature"))
    return _payload(body)


def _header(headers: Mapping[str, str], name: str) -> str:
    if name not in headers:
        raise InvalidWebhook(f"the header {name} is missing")
    return headers[name]


def _check_time(timestamp: str, now: float) -> None:
    if not (timestamp.isascii() and timestamp.isdigit()):
        raise InvalidWebhook("webhook-timestamp is not a number of seconds")
    if abs(now - int(timestamp)) > TOLERANCE_SECONDS:
        raise InvalidWebhook(f"webhook-timestamp is more than {TOLERANCE_SECONDS:.0f} s from this clock")


def _check_signature(keys: Sequence[bytes], message_id: str, timestamp: int, body: bytes, given: str) -> None:
    try:
        expected = sign(keys, message_id, timestamp, body).split()
    except InvalidMessageId as error:
        raise InvalidWebhook("webhook-id is empty or has a dot") from error
    pairs = [(one.encode(), other.encode()) for one in expected for other in given.split()]
    if not any(hmac.compare_digest(one, other) for one, other in pairs):
        raise InvalidWebhook("webhook-signature fits none of the secrets")


def _payload(body: bytes) -> dict[str, Any]:
    try:
        payload = json.loads(body)
    except ValueError as error:
        raise InvalidWebhook("the body is not JSON") from error
    if not isinstance(payload, dict):
        raise InvalidWebhook("the body is not a JSON object")
    return payload
