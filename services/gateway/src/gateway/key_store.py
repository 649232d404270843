"""The rows of API keys, and a memory of a few seconds in front of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import asyncpg
import msgspec

from chassis.database import Queries, within
from chassis.grouping import Grouped
from gateway.keys import ApiKey, KeyRecord, Scope
from gateway.remembered import Remembered

LOOKUP_SECONDS = 1.5
"""After which a look-up shows that the database does not answer."""
MEMORY_SECONDS = 3.0
"""How long what was read of a key is believed: a key that is revoked opens for so long at most."""
LARGEST_MEMORY = 10_000
"""Keys remembered at once; unknown ones count too, so that nobody can fill the memory with inventions."""
LARGEST_READ = 256


class KeyStore:
    """Keys in schema ``gateway``."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._queries = Queries.load("gateway", "keys.sql")

    async def create(
        self, key: ApiKey, tenant: str, name: str, scopes: Sequence[Scope], seconds: float | None
    ) -> None:
        """Keep a key that expires after so many seconds, or never."""
        row = (key.key_id, tenant, name, key.sha256(), [scope.value for scope in scopes], seconds)
        await self._pool.execute(self._queries["insert_key"], *row)

    async def all(self, tenant: str | None = None) -> list[KeyRecord]:
        """Return all keys, or a tenant's."""
        return list(map(_record, await self._pool.fetch(self._queries["all_keys"], tenant)))

    async def named(self, key_ids: Sequence[str]) -> list[KeyRecord | None]:
        """Return keys by their identifiers, None for each that there is not."""
        rows = await self._pool.fetch(self._queries["keys"], list(set(key_ids)))
        found = {row["key_id"]: _record(row) for row in rows}
        return [found.get(key_id) for key_id in key_ids]

    async def revoke(self, key_id: str) -> str | None:
        """End a key; return its tenant, None when there is no such key."""
        tenant: str | None = await self._pool.fetchval(self._queries["revoke_key"], key_id)
        return tenant

    async def delete(self, key_id: str) -> str | None:
        """Forget a revoked or expired key; return its tenant, None when there is no such key or it still opens."""
        tenant: str | None = await self._pool.fetchval(self._queries["delete_key"], key_id)
        return tenant

    async def any(self) -> bool:
        """Whether there is a key, revoked and expired ones included."""
        return bool(await self._pool.fetchval(self._queries["key_exists"]))

    async def any_live(self) -> bool:
        """Whether there is a key that opens."""
        return bool(await self._pool.fetchval(self._queries["live_key_exists"]))

    async def note_used(self, key_ids: Sequence[str]) -> None:
        """Remember that keys were used in this hour."""
        await self._pool.execute(self._queries["note_used"], list(key_ids))


class KnownKeys:
    """Keys as the gateway asks for them with every request. Raises TimeoutError when the database does not answer."""

    def __init__(self, store: KeyStore) -> None:
        self._store = store
        self._records: Remembered[str, KeyRecord | None] = Remembered(MEMORY_SECONDS, LARGEST_MEMORY)
        self._needed: Remembered[str, bool] = Remembered(MEMORY_SECONDS, 1)
        self._reading = Grouped(store.named, LARGEST_READ)
        self._asking = Grouped(self._ask, LARGEST_READ)
        self._used: set[str] = set()

    async def find(self, key_id: str) -> KeyRecord | None:
        """Return a key's record."""
        return await self._records.get(key_id, lambda: within(LOOKUP_SECONDS, self._reading.do(key_id)))

    async def needed(self) -> bool:
        """Whether requests need a key: from the first one on that was ever made."""
        return await self._needed.get("", lambda: within(LOOKUP_SECONDS, self._asking.do("")))

    async def _ask(self, group: Sequence[str]) -> list[bool]:
        return [await self._store.any()] * len(group)

    def use(self, key_id: str) -> None:
        """Note a use, in memory."""
        self._used.add(key_id)

    async def flush(self) -> None:
        """Write down which keys were used since the last time."""
        if self._used:
            used, self._used = self._used, set()
            await self._store.note_used(sorted(used))


def _record(row: Any) -> KeyRecord:
    return msgspec.convert(dict(row), KeyRecord)
