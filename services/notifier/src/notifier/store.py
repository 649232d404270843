"""Deliveries in Postgres: the only state the notifier has."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import asyncpg

from chassis.database import Queries
from contracts import codec
from contracts.events import Event
from contracts.webhooks import WebhookPayload
from notifier.deliveries import Delivery, Outcome, Verdict
from notifier.payloads import host_of

SCHEMA = "notifier"
_queries = Queries.load("notifier")


class DeliveryStore:
    """Reads schema ``api``, owns schema ``notifier``. Errors are asyncpg's. Times are the database's."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def job(self, job_id: str) -> tuple[str, str | None] | None:
        """Return a job's callback address and its result as JSON; None when it wants no webhook."""
        row = await self._pool.fetchrow(_queries["job"], job_id)
        return None if row is None else (row["callback_url"], row["result"])

    async def insert(self, tenant: str, url: str, payload: WebhookPayload, delay_seconds: float) -> bool:
        """Note a webhook; return False when the event's delivery was there already."""
        identifier = await self._pool.fetchval(
            _queries["insert_delivery"],
            payload.job_id,
            tenant,
            payload.seq,
            payload.event,
            url,
            host_of(url),
            codec.encode(payload),
            delay_seconds,
        )
        return identifier is not None

    async def missed(self, within_seconds: float, older_than_seconds: float) -> list[Event]:
        """Return up to 100 terminal events of that age that have no delivery, of jobs that want one."""
        rows = await self._pool.fetch(_queries["missed_events"], within_seconds, older_than_seconds)
        return [codec.decode_event(row["body"]) for row in rows]

    async def candidates(self, except_hosts: Sequence[str], limit: int) -> list[tuple[int, str]]:
        """Return (id, host) of what is due and free, longest due first."""
        rows = await self._pool.fetch(_queries["candidates"], list(except_hosts), limit)
        return [(row["id"], row["host"]) for row in rows]

    async def claim(self, identifiers: Sequence[int], seconds: float) -> list[Delivery]:
        """Take those that are still free, for a time after which anyone may take them."""
        rows = await self._pool.fetch(_queries["claim"], list(identifiers), seconds)
        return [Delivery(**row) for row in rows]

    async def seconds_until_due(self, except_hosts: Sequence[str]) -> float | None:
        """Return when the next free delivery is due (negative when it is), or None when there is none."""
        seconds: float | None = await self._pool.fetchval(_queries["seconds_until_due"], list(except_hosts))
        return seconds

    async def record(
        self, delivery: Delivery, outcome: Outcome, verdict: Verdict, started_at: datetime, duration: float
    ) -> bool:
        """Write an attempt and its verdict; False, and nothing written, when the claim was lost meanwhile."""
        number = await self._pool.fetchval(
            _queries["record"],
            delivery.id,
            delivery.claimed_until,
            verdict.status,
            verdict.delay_seconds,
            outcome.reason,
            started_at,
            duration,
            outcome.status_code,
        )
        return number is not None

    async def release(self, deliveries: Sequence[Delivery]) -> None:
        """Give claims back, so that another sender need not wait for their end."""
        identifiers = [delivery.id for delivery in deliveries]
        await self._pool.execute(
            _queries["release"], identifiers, [delivery.claimed_until for delivery in deliveries]
        )

    async def delete_ended(self, older_than_days: float) -> int:
        """Forget old ended deliveries with their attempts; return how many."""
        total = 0
        while deleted := int(
            (await self._pool.execute(_queries["delete_ended"], older_than_days)).split()[-1]
        ):
            total += deleted
        return total
