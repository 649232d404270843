"""Small values inside messages, large ones in the object store with their hash: stages do not notice."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from chassis.errors import ObjectMissing
from chassis.objects import ObjectStore
from contracts.payloads import INLINE_LIMIT, Inline, Payload, Stored
from stage_workers.errors import Permanent


class Payloads:
    """Packs and loads JSON values."""

    KIND: Any = Payload

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    async def pack(self, data: bytes, key: str, limit: int = INLINE_LIMIT) -> Payload:
        """Return JSON bytes as a payload; above ``limit`` they are stored under ``key``."""
        if len(data) <= limit:
            return Inline(msgspec.Raw(data))
        await self._objects.put(key, data, "application/json")
        return Stored(key=key, sha256=hashlib.sha256(data).hexdigest(), size=len(data))

    async def load(self, payload: Payload) -> bytes:
        """Return a payload's JSON bytes. Raises Permanent when what is stored is gone or is not what was meant."""
        if isinstance(payload, Inline):
            return bytes(payload.value)
        try:
            data = await self._objects.get(payload.key)
        except ObjectMissing as error:
            raise Permanent("stored_input_missing", f"the article store has no {payload.key}") from error
        if hashlib.sha256(data).hexdigest() != payload.sha256:
            raise Permanent(
                "stored_input_changed", f"{payload.key} in the article store is not what was stored"
            )
        return data
