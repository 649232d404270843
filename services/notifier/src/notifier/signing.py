"""Standard Webhooks 1.0 signatures, symmetric (``v1``). Pure.

Signed is ``<webhook-id>.<webhook-timestamp>.<body>`` by HMAC-SHA256. The key is what stands in base64 after
``whsec_``, not that text itself.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence

from contracts.ids import DEFAULT_TENANT
from notifier.errors import InvalidMessageId, InvalidSecret

PREFIX = "whsec_"
_PURPOSE = "blog-writer webhooks of tenant "
SHORTEST_KEY = 24
LONGEST_KEY = 64
"""Bytes of a key, by the specification."""


def key_of(secret: str) -> bytes:
    """Return the key that ``whsec_…`` stands for; padding may be missing. Raises InvalidSecret."""
    text = secret.removeprefix(PREFIX)
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidSecret(InvalidSecret.__doc__) from None
    if text == secret or not SHORTEST_KEY <= len(key) <= LONGEST_KEY:
        raise InvalidSecret(InvalidSecret.__doc__)
    return key


def secret_of(key: bytes) -> str:
    """Return the text that stands for a key: what receivers are given."""
    return PREFIX + base64.b64encode(key).decode()


def tenant_keys(keys: Sequence[bytes], tenant: str) -> list[bytes]:
    """Return what a tenant's webhooks are signed with, one key for each of the installation's.

    Each tenant has keys of its own, or its receivers would take another tenant's forgeries for ours. They follow from
    the installation's, so that none is stored anywhere. The default tenant, which is the operator's own, has those.
    """
    if tenant == DEFAULT_TENANT:
        return list(keys)
    return [hmac.digest(key, f"{_PURPOSE}{tenant}".encode(), hashlib.sha256) for key in keys]


def sign(keys: Sequence[bytes], message_id: str, timestamp: int, body: bytes) -> str:
    """Return the ``webhook-signature``: one signature per key, so that keys can be exchanged with an overlap.

    ``timestamp`` is in Unix seconds, and ``body`` the bytes that will be sent. Raises InvalidMessageId.
    """
    if not message_id or "." in message_id:
        raise InvalidMessageId(InvalidMessageId.__doc__)
    signed = f"{message_id}.{timestamp}.".encode() + body
    digests = (hmac.digest(key, signed, hashlib.sha256) for key in keys)
    return " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests)


def headers(keys: Sequence[bytes], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the headers of one attempt. Raises InvalidMessageId."""
    return {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(keys, message_id, timestamp, body),
    }
