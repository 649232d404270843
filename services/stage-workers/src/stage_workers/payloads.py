"""Small values inside messages, large ones in the object store with their hash: stages do not notice."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from chassis.errors import ObjectMissing, StoreUnavailable
from chassis.objects import ObjectStore
from contracts import codec
from contracts.payloads import INLINE_LIMIT, MESSAGE_LIMIT, Inline, Payload, Stored
from contracts.results import StageFail, StageResult
from stage_workers.errors import Permanent, of_the_store

HEADER_ROOM = 4096
"""Of a message, for its headers."""


class Payloads:
    """Packs and loads JSON values."""

    KIND: Any = Payload

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    async def pack(self, data: bytes, key: str, limit: int = INLINE_LIMIT) -> Payload:
        """Return JSON bytes as a payload; above ``limit`` they are stored under ``key``. Raises Transient, or
        Permanent when the store refuses."""
        if len(data) <= limit:
            return Inline(msgspec.Raw(data))
        try:
            await self._objects.put(key, data, "application/json")
        except StoreUnavailable as error:
            raise of_the_store(error) from error
        return Stored(key=key, sha256=hashlib.sha256(data).hexdigest(), size=len(data))

    async def load(self, payload: Payload) -> bytes:
        """Return a payload's JSON bytes.

        Raises Permanent when what is stored is gone, is not what was meant or is refused, Transient when the store
        does not answer.
        """
        if isinstance(payload, Inline):
            return bytes(payload.value)
        try:
            data = await self._objects.get(payload.key)
        except ObjectMissing as error:
            raise Permanent("stored_input_missing", f"the article store has no {payload.key}") from error
        except StoreUnavailable as error:
            raise of_the_store(error) from error
        if hashlib.sha256(data).hexdigest() != payload.sha256:
            raise Permanent(
                "stored_input_changed", f"{payload.key} in the article store is not what was stored"
            )
        return data


def fitting(result: StageResult, server_limit: int = MESSAGE_LIMIT) -> bytes:
    """Return a result as a message that the server takes: one that is too large would never get through."""
    data = codec.encode(result)
    limit = min(MESSAGE_LIMIT, server_limit) - HEADER_ROOM
    if len(data) <= limit:
        return data
    reason = f"the result has {len(data)} bytes; at most {limit} are possible"
    failed = StageFail(code="output_too_large", reason=reason)
    return codec.encode(msgspec.structs.replace(result, outcome=failed))
