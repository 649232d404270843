"""Tokens that let a browser read one job for a while: EventSource and img can send no header."""

from __future__ import annotations

import binascii
import hashlib
import hmac
from base64 import b64decode, urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime

import msgspec

from chassis.errors import SettingsError

PREFIX = "bwt_"
LONGEST_SECONDS = 3600
LEAST_KEY_BYTES = 32
_PURPOSE = b"blog-writer job token 1"
"""So that a signature made with the same secret for anything else is none of ours."""


class JobToken(msgspec.Struct, frozen=True, array_like=True):
    """What a token says."""

    job_id: str
    tenant: str
    expires: int
    """Unix time."""
    key_id: str
    """Of the API key that asked for it, whose end is the token's end too; empty without keys."""

    def expired(self, now: datetime) -> bool:
        """Whether its time is over."""
        return now.timestamp() >= self.expires


class TokenSigner:
    """Makes and reads tokens."""

    def __init__(self, secret: bytes) -> None:
        self._secret = hmac.digest(secret, _PURPOSE, hashlib.sha256)

    def sign(self, token: JobToken) -> str:
        """Return a token's text: letters, digits, ``-``, ``_`` and one dot, so that it stands in an address as it is."""
        body = _encode(msgspec.json.encode(token))
        return f"{PREFIX}{body}.{_encode(self._mac(body))}"

    def read(self, text: str) -> JobToken | None:
        """Return what a token says, None when it was not made here."""
        body, _, signature = text.removeprefix(PREFIX).partition(".")
        try:
            if not hmac.compare_digest(self._mac(body), _decode(signature)):
                return None
            return msgspec.json.decode(_decode(body), type=JobToken)
        except (binascii.Error, ValueError):
            return None

    def _mac(self, body: str) -> bytes:
        return hmac.digest(self._secret, body.encode(), hashlib.sha256)


def secret_bytes(text: str) -> bytes:
    """Return the bytes of ``BLOG_WRITER_SECRET_KEY``. Raises SettingsError that does not show it."""
    try:
        secret = b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if len(secret) < LEAST_KEY_BYTES:
        raise SettingsError(
            f"BLOG_WRITER_SECRET_KEY: its value is not allowed: use at least {LEAST_KEY_BYTES} random bytes in base64, "
            "as from 'head -c 32 /dev/urandom | base64'"
        )
    return secret


def _encode(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4))
