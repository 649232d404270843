"""From a job's event to a delivery, whether NATS brings the event or the sweep finds it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence

from chassis import logs
from contracts.events import Event, event_type
from notifier.payloads import Wish, webhook
from notifier.store import DeliveryStore

log = logs.get_logger(__name__)

SWEEP_AGE_SECONDS = 5.0
"""How long NATS has for bringing an event before the sweep takes it from the table."""
WIDE_EVERY_SECONDS = 3600.0
"""How often the sweep looks at all jobs that are kept, beginning with its first time."""
NARROW_SECONDS = 2 * WIDE_EVERY_SECONDS
"""How far back it looks otherwise: what the last wide sweep can not have seen, and as much again."""


class Intake:
    """Notes deliveries and wakes the sender. ``public_url`` is how clients reach the API."""

    def __init__(
        self, store: DeliveryStore, wake: asyncio.Event, first_delay_seconds: float, public_url: str = ""
    ) -> None:
        self._store = store
        self._wake = wake
        self._first_delay = first_delay_seconds
        self._public_url = public_url
        self._wide_due = 0.0

    async def take(self, events: Sequence[Event]) -> int:
        """Note the webhooks of events, together; return how many were wanted and not noted before."""
        jobs = await self._store.jobs(_jobs(events))
        wanted = [(event, *jobs[event.job_id]) for event in events if event.job_id in jobs]
        return await self._note(wanted)

    async def take_steps(self, events: Sequence[Event]) -> int:
        """Note the webhooks of events that end no job, like ``take``. Most jobs want none of them."""
        wishes = await self._store.wishes(_jobs(events))
        wanted = [(event, wishes[event.job_id], None) for event in events if event.job_id in wishes]
        return await self._note(wanted)

    async def _note(self, events: Iterable[tuple[Event, Wish, str | None]]) -> int:
        webhooks = [
            webhook(event, wish, result, self._public_url)
            for event, wish, result in events
            if event_type(event) in wish.events
        ]
        noted = await self._store.insert(webhooks, self._first_delay) if webhooks else 0
        if noted:
            self._wake.set()
        return noted

    async def sweep(self, within_days: float, older_than_seconds: float = SWEEP_AGE_SECONDS) -> int:
        """Note the webhooks whose event never came; return how many."""
        kept, now = within_days * 24 * 3600, time.monotonic()
        wide = now >= self._wide_due
        events = await self._store.missed(kept if wide else min(kept, NARROW_SECONDS), older_than_seconds)
        noted = await self.take(events)
        if wide and not events:  # else there may be more than one answer brings
            self._wide_due = now + WIDE_EVERY_SECONDS
        if noted:
            log.warning("webhooks_recovered", webhooks=noted)
        return noted


def _jobs(events: Iterable[Event]) -> list[str]:
    return sorted({event.job_id for event in events})
