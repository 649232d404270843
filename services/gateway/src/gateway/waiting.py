"""Waiting for what happens to a job, and streaming it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import msgspec

from contracts.events import TERMINAL_EVENTS
from contracts.jobs import TERMINAL_STATES
from contracts.views import JobRow
from gateway.errors import Refusal, job_not_found
from gateway.feed import Feed
from gateway.feed_place import FeedPlace
from gateway.presenters import job_status
from gateway.schemas import JobStatus
from gateway.store import PAGE, Store

POLL_SECONDS = 2.0
"""How often those who wait look at the database without a wake-up."""
HEARTBEAT_SECONDS = 15.0
SOON_SECONDS = 0.2
"""When to look again for an event that was heard of: an older transaction may still be in its way."""
SOON_LOOKS = 10


class StreamEvent(msgspec.Struct, frozen=True):
    """One thing to send to a reader: an event, or a heartbeat when ``type`` is empty."""

    type: str
    data: str
    id: int | str | None = None
    """What a reader resumes after."""


class Waiting:
    """Waits for jobs through the feed and the database."""

    def __init__(self, store: Store, feed: Feed, clock: Any) -> None:
        self._store = store
        self._feed = feed
        self._clock = clock

    async def job(self, tenant: str, job_id: str) -> JobRow:
        """Return a job. Raises Refusal (404)."""
        job = await self._store.job(tenant, job_id)
        if job is None:
            raise job_not_found(job_id)
        return job

    async def status(self, tenant: str, job_id: str) -> JobStatus:
        """Return how a job stands, with its article once completed. Raises Refusal (404)."""
        job = await self.job(tenant, job_id)
        result = await self._store.result(tenant, job_id) if job.state == "completed" else None
        return job_status(job, result, self._clock.now())

    async def ended(self, tenant: str, job_id: str, seconds: float | None = None) -> JobRow:
        """Return the job once it has ended, or as it is after so many seconds (or when the gateway stops)."""
        end = None if seconds is None else self._clock.now().timestamp() + seconds
        with self._feed.listen(job_id) as listener:
            while True:
                job = await self.job(tenant, job_id)
                left = POLL_SECONDS if end is None else min(POLL_SECONDS, end - self._clock.now().timestamp())
                if job.state in TERMINAL_STATES or listener.closed or left <= 0:
                    return job
                await listener.wait(left)

    async def article(self, tenant: str, job_id: str) -> str:
        """Return a job's article as JSON once it is done. Raises Refusal when there will be none."""
        job = await self.ended(tenant, job_id)
        if job.state == "completed":
            result = await self._store.result(tenant, job_id)
            if result is not None:
                return result
        if job.state == "failed":
            raise Refusal(502, job.error_code or "failed", job.error or "the job failed", job_id=job_id)
        if job.state == "cancelled":
            raise Refusal(409, "job_cancelled", "the job was cancelled", job_id=job_id)
        raise Refusal(503, "stopping", "the gateway stops; the job goes on", job_id=job_id)

    async def events(self, tenant: str, job_id: str, after: int) -> AsyncGenerator[StreamEvent]:
        """Yield a job's events after a number, without gaps, as they come; ends after the last one.

        Progress comes between them, and heartbeats when nothing else does.
        """
        quiet = 0.0
        look = True  # at the job itself: an event may have told its end before, or it may have been deleted
        with self._feed.listen(job_id) as listener:
            while not listener.closed:
                rows = await self._store.next_events(tenant, job_id, after)
                for row in rows:
                    yield StreamEvent(row["type"], row["body"], row["seq"])
                    after = row["seq"]
                if rows:
                    look = rows[-1]["type"] in TERMINAL_EVENTS
                if len(rows) == PAGE:
                    continue
                if look and await self._over(tenant, job_id, after):
                    return
                look = False
                progress = await listener.wait(POLL_SECONDS)
                for body in progress:
                    yield StreamEvent("stage_progress", body.decode())
                quiet = 0.0 if rows or progress else quiet + POLL_SECONDS
                if quiet >= HEARTBEAT_SECONDS:
                    quiet, look = 0.0, True
                    yield StreamEvent("", "")

    async def feed(self, tenant: str, after: FeedPlace | None) -> AsyncGenerator[StreamEvent]:
        """Yield the events of all of a tenant's jobs after a place, or from now on, until the gateway stops.

        Heartbeats tell the place that was reached, the first one at once.
        """
        with self._feed.listen_to_tenant(tenant) as listener:
            place = after or FeedPlace(await self._store.feed_end())
            yield StreamEvent("", "", str(place))
            quiet, looks = 0.0, 0
            while not listener.closed:
                end = await self._store.feed_end()
                rows = await self._store.feed(tenant, place, end, PAGE)
                for row in rows:
                    place = FeedPlace(row["position"], row["job_id"], row["seq"])
                    yield StreamEvent(row["type"], row["body"], str(place))
                if len(rows) == PAGE:
                    continue
                place = max(place, FeedPlace(end))
                seconds = SOON_SECONDS if looks else POLL_SECONDS
                progress = await listener.wait(seconds)
                for body in progress:
                    yield StreamEvent("stage_progress", body.decode())
                looks = SOON_LOOKS if listener.woken else max(0, looks - 1)
                quiet = 0.0 if rows or progress else quiet + seconds
                if quiet >= HEARTBEAT_SECONDS:
                    quiet = 0.0
                    yield StreamEvent("", "", str(place))

    async def _over(self, tenant: str, job_id: str, after: int) -> bool:
        job = await self._store.job(tenant, job_id)
        return job is None or (job.state in TERMINAL_STATES and job.last_seq <= after)
