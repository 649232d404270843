"""API keys: what one looks like, what is kept of it, and whether it opens."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import zlib
from datetime import datetime
from enum import StrEnum

import msgspec

PREFIX = "bw"
"""Of every key, so that scanners for leaked secrets know one when they see it."""
TENANT = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
"""What a tenant may be called: the name also fits a NATS subject."""
_KEY = re.compile(rf"{PREFIX}_([0-9a-f]{{12}})_([0-9a-f]{{64}})([0-9a-f]{{8}})")


class Scope(StrEnum):
    """What a key is good for."""

    JOBS_WRITE = "jobs:write"
    JOBS_READ = "jobs:read"
    ADMIN = "admin"


class ApiKey(msgspec.Struct, frozen=True):
    """A key as its holder has it. Only its SHA-256 is ever stored."""

    key_id: str
    secret: str

    def text(self) -> str:
        """Return what goes behind ``Authorization: Bearer``: prefix, identifier, 256 random bits, CRC-32 of all that."""
        body = f"{PREFIX}_{self.key_id}_{self.secret}"
        return f"{body}{zlib.crc32(body.encode()):08x}"

    def sha256(self) -> str:
        """Return what is stored. A slow hash would protect nothing more: nobody guesses 256 random bits."""
        return hashlib.sha256(self.text().encode()).hexdigest()

    def __repr__(self) -> str:
        return f"ApiKey({self.key_id!r})"


class KeyRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a key."""

    key_id: str
    tenant: str
    name: str
    sha256: str
    scopes: frozenset[Scope]
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None
    """The hour of the last use."""

    def __repr__(self) -> str:
        return f"KeyRecord({self.key_id!r}, {self.tenant!r})"


class Standing(StrEnum):
    """Whether a key opens, and why not."""

    GOOD = "good"
    REVOKED = "revoked"
    EXPIRED = "expired"


def new_key() -> ApiKey:
    """Return a new random key."""
    return ApiKey(secrets.token_hex(6), secrets.token_hex(32))


def parse_key(text: str) -> ApiKey | None:
    """Return the key that a text is, None when it is none: most nonsense needs no look into the database."""
    found = _KEY.fullmatch(text)
    if found is None:
        return None
    key = ApiKey(found[1], found[2])
    return key if hmac.compare_digest(key.text(), text) else None


def fits(key: ApiKey, record: KeyRecord) -> bool:
    """Whether somebody holds the whole key that a record is of."""
    return hmac.compare_digest(key.sha256(), record.sha256)


def standing(record: KeyRecord, now: datetime) -> Standing:
    """Return how a key stands."""
    if record.revoked_at is not None:
        return Standing.REVOKED
    if record.expires_at is not None and record.expires_at <= now:
        return Standing.EXPIRED
    return Standing.GOOD


def allows(scopes: frozenset[Scope], wanted: Scope) -> bool:
    """Whether scopes cover what is wanted; ``admin`` covers everything of its tenant."""
    return wanted in scopes or Scope.ADMIN in scopes
