"""Idempotency keys: the same key and request give the same answer, without doing anything twice."""

from __future__ import annotations

import hashlib

from contracts import codec
from gateway.errors import Refusal

LONGEST_KEY = 255


def checked_key(key: str | None) -> str | None:
    """Return the key as it came. Raises Refusal when it is empty, too long, or not printable ASCII."""
    if key is None:
        return None
    if not key.strip() or len(key) > LONGEST_KEY or not (key.isascii() and key.isprintable()):
        detail = f"Idempotency-Key must be 1 to {LONGEST_KEY} printable ASCII characters"
        raise Refusal(400, "invalid_idempotency_key", detail, "Idempotency-Key")
    return key


def fingerprint(request: object) -> str:
    """Return the SHA-256 of a request as it was understood: layout and order of fields do not matter."""
    return hashlib.sha256(type(request).__name__.encode() + codec.encode(request)).hexdigest()
