"""Sends what is due: several at a time, few to one host, each under a claim that ends by itself."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from datetime import timedelta

import httpx
import prometheus_client

from chassis import logs
from chassis.crashpoints import CrashPoint, crash_point
from notifier.deliveries import Delivery, Outcome, Verdict, choose, settle
from notifier.endpoint import post
from notifier.settings import Settings
from notifier.signing import headers, key_of, tenant_keys
from notifier.store import DeliveryStore

log = logs.get_logger(__name__)

AT_ONCE = 16
AT_ONCE_PER_HOST = 4
"""Attempts in flight in this process."""
CANDIDATES = 200
"""Due deliveries looked at when choosing what to send."""
LAST_SECONDS = 3.0
"""What attempts in flight get to end when the notifier stops."""

ATTEMPTS = prometheus_client.Counter("blog_webhook_attempts", "Attempts to deliver a webhook.", ["reason"])


class Sender:
    """Claims due deliveries and posts them. Another may run beside it on the same tables."""

    def __init__(
        self,
        store: DeliveryStore,
        client: httpx.AsyncClient,
        settings: Settings,
        wake: asyncio.Event,
    ) -> None:
        self._store = store
        self._client = client
        self._wake = wake
        self._keys = [key_of(secret) for secret in settings.webhook_secret]
        self._timeout = settings.webhook_timeout_seconds
        self._claim_seconds = 2 * self._timeout + 2
        self._ladder = settings.webhook_retry_seconds
        self._in_flight: dict[asyncio.Task[None], Delivery] = {}
        self._alarm: asyncio.TimerHandle | None = None

    async def fill(self) -> None:
        """Start as many due attempts as there is room for, and set the alarm for what falls due next."""
        while (room := AT_ONCE - len(self._in_flight)) > 0:
            claimed = await self._claim(room)
            if not claimed:
                break
            for delivery in claimed:
                self._start(delivery)
        await self._set_alarm()

    async def _claim(self, room: int) -> list[Delivery]:
        candidates = await self._store.candidates(self._full_hosts(), CANDIDATES)
        chosen = choose(candidates, self._hosts(), room, AT_ONCE_PER_HOST)
        # Twice the timeout leaves time for the record; after a crash another sender waits that long.
        return await self._store.claim(chosen, self._claim_seconds) if chosen else []

    def _hosts(self) -> Counter[str]:
        return Counter(delivery.host for delivery in self._in_flight.values())

    def _full_hosts(self) -> list[str]:
        return [host for host, count in self._hosts().items() if count >= AT_ONCE_PER_HOST]

    async def _set_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if len(self._in_flight) < AT_ONCE:
            seconds = await self._store.seconds_until_due(self._full_hosts())
            if seconds is not None:
                self._alarm = asyncio.get_running_loop().call_later(max(seconds, 0.05), self._wake.set)

    def _start(self, delivery: Delivery) -> None:
        task = asyncio.ensure_future(self._attempt(delivery))
        self._in_flight[task] = delivery
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        delivery = self._in_flight.pop(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("webhook_attempt_not_recorded", job_id=delivery.job_id, exc_info=error)
        self._wake.set()

    async def _attempt(self, delivery: Delivery) -> None:
        # The database's time, for receivers refuse a signature that is minutes off, and this machine's clock may be.
        started_at = delivery.claimed_until - timedelta(seconds=self._claim_seconds)
        started = time.monotonic()
        keys = tenant_keys(self._keys, delivery.tenant)
        signed = headers(keys, delivery.message_id, int(started_at.timestamp()), delivery.body)
        try:
            outcome = await post(self._client, delivery.url, signed, delivery.body, self._timeout)
        except Exception:
            # A fault of ours must count as an attempt too, or the webhook would be posted for ever.
            log.exception("webhook_attempt_crashed", job_id=delivery.job_id)
            outcome = Outcome(reason="internal_error")
        crash_point(CrashPoint.AFTER_POST_BEFORE_RECORD)
        duration = time.monotonic() - started
        ATTEMPTS.labels(outcome.reason).inc()
        spread = random.random()  # noqa: S311  spreads retries, hides nothing
        ended_at = started_at + timedelta(seconds=duration)
        verdict = settle(delivery.attempts + 1, outcome, self._ladder, spread, ended_at)
        if await self._store.record(delivery, outcome, verdict, started_at, duration):
            _tell(delivery, outcome, verdict, duration)
        else:
            log.warning("webhook_claim_lost", job_id=delivery.job_id, seq=delivery.seq, reason=outcome.reason)

    async def close(self) -> None:
        """Let attempts in flight end for a moment, cut the others off, and give their claims back."""
        if self._alarm is not None:
            self._alarm.cancel()
        if not self._in_flight:
            return
        _, unfinished = await asyncio.wait(self._in_flight, timeout=LAST_SECONDS)
        cut_off = [self._in_flight[task] for task in unfinished]
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)
        if cut_off:
            await self._store.release(cut_off)


def _tell(delivery: Delivery, outcome: Outcome, verdict: Verdict, duration: float) -> None:
    facts = {
        "job_id": delivery.job_id,
        "webhook": delivery.event,
        "reason": outcome.reason,
        "attempt": delivery.attempts + 1,
        "duration_seconds": round(duration, 3),
    }
    if verdict.status == "delivered":
        log.info("webhook_delivered", **facts)
    elif verdict.status == "pending":
        log.warning("webhook_failed", **facts, retry_in_seconds=round(verdict.delay_seconds, 1))
    else:
        log.error("webhook_exhausted", **facts)
