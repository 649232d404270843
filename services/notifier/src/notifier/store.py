"""Deliveries and endpoints in Postgres: the only state the notifier has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import asyncpg
import msgspec

from chassis.database import Queries, columns
from contracts import codec
from contracts.events import Event
from contracts.webhooks import ReplayDeliveries
from notifier.breaker import Endpoint
from notifier.deliveries import PERMANENT, Candidate, Delivery, Outcome, Verdict
from notifier.payloads import Webhook, Wish, host_of

SCHEMA = "notifier"
_queries = Queries.load("notifier")

Judge = Callable[[Endpoint], tuple[Endpoint, Verdict]]
"""From what is known of an endpoint to what is known by now, and what becomes of the delivery."""


class Attempt(msgspec.Struct, frozen=True):
    """One attempt, as it is written down."""

    delivery: Delivery
    outcome: Outcome
    started_at: datetime
    duration_seconds: float


class DeliveryStore:
    """Reads schema ``api``, owns schema ``notifier``. Errors are asyncpg's. Times are the database's."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def jobs(self, job_ids: Sequence[str]) -> dict[str, tuple[Wish, str | None]]:
        """Return the wishes, and the results as JSON, of those jobs that want webhooks."""
        rows = await self._pool.fetch(_queries["jobs"], list(job_ids))
        return {str(row["job_id"]): (_wish(row), row["result"]) for row in rows}

    async def wishes(self, job_ids: Sequence[str]) -> dict[str, Wish]:
        """Return the wishes of those jobs that want more than their ends told."""
        rows = await self._pool.fetch(_queries["wishes"], list(job_ids))
        return {str(row["job_id"]): _wish(row) for row in rows}

    async def insert(self, webhooks: Sequence[Webhook], delay_seconds: float) -> int:
        """Note webhooks, of which there must be some, in one transaction; return how many were not there already."""
        rows = columns(map(_row, webhooks))
        return _count(await self._pool.execute(_queries["insert_deliveries"], delay_seconds, *rows))

    async def missed(self, within_seconds: float, older_than_seconds: float) -> list[Event]:
        """Return up to 100 events of that age that have no delivery, of jobs that want them told."""
        rows = await self._pool.fetch(_queries["missed_events"], within_seconds, older_than_seconds)
        return [codec.decode_event(row["body"]) for row in rows]

    async def candidates(
        self, except_hosts: Sequence[str], except_endpoints: Sequence[str], limit: int
    ) -> list[Candidate]:
        """Return what is due and free, longest due first."""
        rows = await self._pool.fetch(
            _queries["candidates"], list(except_hosts), list(except_endpoints), limit
        )
        return [Candidate(*row) for row in rows]

    async def begin_probes(self, endpoints: Sequence[str], seconds: float) -> set[str]:
        """Keep others off these endpoints for a time, and return which of them are ours to probe."""
        rows = await self._pool.fetch(_queries["begin_probes"], list(endpoints), seconds)
        return {row["endpoint"] for row in rows}

    async def claim(self, identifiers: Sequence[int], seconds: float) -> list[Delivery]:
        """Take those that are still free, for a time after which anyone may take them."""
        rows = await self._pool.fetch(_queries["claim"], list(identifiers), seconds)
        return [Delivery(**row) for row in rows]

    async def seconds_until_due(
        self, except_hosts: Sequence[str], except_endpoints: Sequence[str]
    ) -> float | None:
        """Return when the next free delivery is due (negative when it is), or None when there is none."""
        seconds: float | None = await self._pool.fetchval(
            _queries["seconds_until_due"], list(except_hosts), list(except_endpoints)
        )
        return seconds

    async def record(self, attempt: Attempt, judge: Judge) -> Verdict | None:
        """Write an attempt and what follows from it; None, and nothing written, when the claim was lost meanwhile."""
        if attempt.outcome.reason == "delivered" or attempt.outcome.reason in PERMANENT:
            _, verdict = judge(Endpoint())
            healed = await _record(self._pool, attempt, verdict)
            if healed:
                await self.release_held()
            return None if healed is None else verdict
        async with self._pool.acquire() as connection, connection.transaction():
            return await _record_failure(connection, attempt, judge)

    async def heal(self, tenant: str, url: str) -> None:
        """Forget what an endpoint failed at, and let what was held for it go."""
        if await self._pool.fetchval(_queries["heal"], tenant, url):
            await self.release_held()

    async def release_held(self) -> int:
        """Let go what is held for endpoints that work again; return how many."""
        total = 0
        while released := _count(await self._pool.execute(_queries["release_held"])):
            total += released
        return total

    async def release(self, deliveries: Sequence[Delivery]) -> None:
        """Give claims back, so that another sender need not wait for their end."""
        identifiers = [delivery.id for delivery in deliveries]
        await self._pool.execute(
            _queries["release"], identifiers, [delivery.claimed_until for delivery in deliveries]
        )

    async def replay(self, wanted: ReplayDeliveries) -> int:
        """Let webhooks of a job go out again, also to an endpoint that is paused or disabled; return how many."""
        async with self._pool.acquire() as connection, connection.transaction():
            rows = await connection.fetch(_queries["replay"], wanted.job_id, wanted.tenant, wanted.seq)
            await connection.execute(_queries["close_breakers"], sorted({row["endpoint"] for row in rows}))
            return len(rows)

    async def delete_old(self, older_than_days: float) -> int:
        """Forget old ended deliveries with their attempts, and endpoints without any; return how many deliveries."""
        total = 0
        while deleted := _count(await self._pool.execute(_queries["delete_ended"], older_than_days)):
            total += deleted
        await self._pool.execute(_queries["delete_endpoints"], older_than_days)
        return total


async def _record(on: asyncpg.Pool | asyncpg.Connection, attempt: Attempt, verdict: Verdict) -> bool | None:
    """Write an attempt; None when the claim was lost, else whether a disabled endpoint works again."""
    healed: bool | None = await on.fetchval(
        _queries["record"],
        attempt.delivery.id,
        attempt.delivery.claimed_until,
        verdict.status,
        verdict.delay_seconds,
        attempt.outcome.reason,
        attempt.started_at,
        attempt.duration_seconds,
        attempt.outcome.status_code,
        int(verdict.throttled),
        attempt.delivery.endpoint,
    )
    return healed


async def _record_failure(connection: Any, attempt: Attempt, judge: Judge) -> Verdict | None:
    """Write a failure with what it says of its endpoint, whose row is locked: attempts end at the same time."""
    delivery = attempt.delivery
    row = await connection.fetchrow(_queries["lock_endpoint"], delivery.tenant, delivery.url)
    before = Endpoint(**row)
    after, verdict = judge(before)
    if await _record(connection, attempt, verdict) is None:
        return None
    await connection.execute(_queries["save_endpoint"], delivery.endpoint, *msgspec.structs.astuple(after))
    if after.disabled_at is not None and before.disabled_at is None:
        await connection.execute(_queries["hold"], delivery.endpoint)
    return verdict


def _wish(row: asyncpg.Record) -> Wish:
    return Wish.of(row["url"], row["events"], row["payload"])


def _row(webhook: Webhook) -> tuple[str, int, str, str, str, str, bytes]:
    host = host_of(webhook.url)
    return webhook.job_id, webhook.seq, webhook.tenant, webhook.event, webhook.url, host, webhook.body


def _count(tag: str) -> int:
    """Return how many rows a command says that it changed."""
    return int(tag.rsplit(maxsplit=1)[-1])
