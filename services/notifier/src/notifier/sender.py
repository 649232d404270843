"""Sends what is due: several at a time, few to one endpoint, each under a claim that ends by itself."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from datetime import timedelta

import httpx
import msgspec
import prometheus_client

from chassis import logs
from chassis.crashpoints import CrashPoint, crash_point
from notifier.breaker import Endpoint, after_failure
from notifier.deliveries import Caps, Delivery, Outcome, Verdict, choose, settle
from notifier.endpoint import post
from notifier.pacing import Rates
from notifier.schedule import pause, retry_after
from notifier.settings import Settings
from notifier.signing import headers, key_of, tenant_keys
from notifier.store import Attempt, DeliveryStore

log = logs.get_logger(__name__)

PER_HOST = 16
"""Attempts in flight at one host, whatever its endpoints, in this process."""
CANDIDATES = 200
"""Due deliveries looked at when choosing what to send."""
LAST_SECONDS = 3.0
"""What attempts in flight get to end when the notifier stops."""

ATTEMPTS = prometheus_client.Counter("blog_webhook_attempts", "Attempts to deliver a webhook.", ["reason"])
DISABLED = prometheus_client.Counter(
    "blog_webhook_endpoints_disabled", "Endpoints that are not called any more.", ["reason"]
)


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
        self._open_seconds = settings.webhook_breaker_seconds
        self._caps = Caps(settings.webhook_concurrency, settings.webhook_endpoint_concurrency, PER_HOST)
        self._rates = Rates(settings.webhook_endpoint_rate)
        self._in_flight: dict[asyncio.Task[None], Delivery] = {}
        self._alarm: asyncio.TimerHandle | None = None

    async def fill(self) -> None:
        """Start as many due attempts as there is room for, and set the alarm for what falls due next."""
        while len(self._in_flight) < self._caps.in_all:
            claimed, more = await self._claim()
            for delivery in claimed:
                self._start(delivery)
            if not claimed or not more:
                break
        await self._set_alarm()

    async def _claim(self) -> tuple[list[Delivery], bool]:
        """Take what may be sent now; also say whether there may be more of it."""
        now = time.monotonic()
        # Counted before the question: what ends meanwhile may open a breaker that the answer shows closed.
        flying = [(delivery.endpoint, delivery.host) for delivery in self._in_flight.values()]
        candidates = await self._store.candidates(self._full_hosts(), self._full_endpoints(now), CANDIDATES)
        chosen = choose(candidates, flying, lambda endpoint: self._rates.left(endpoint, now), self._caps)
        # Twice the timeout leaves time for the record; after a crash another sender waits that long.
        probes = {each.endpoint for each in chosen if each.probe}
        if probes:
            probes = await self._store.begin_probes(sorted(probes), self._claim_seconds)
            chosen = [each for each in chosen if not each.probe or each.endpoint in probes]
        if not chosen:
            return [], False
        claimed = await self._store.claim([each.id for each in chosen], self._claim_seconds)
        ours = [msgspec.structs.replace(each, probe=each.endpoint in probes) for each in claimed]
        return ours, len(candidates) == CANDIDATES

    def _full_hosts(self) -> list[str]:
        hosts = Counter(delivery.host for delivery in self._in_flight.values())
        return [host for host, count in hosts.items() if count >= self._caps.per_host]

    def _full_endpoints(self, now: float) -> list[str]:
        endpoints = Counter(delivery.endpoint for delivery in self._in_flight.values())
        full = [endpoint for endpoint, count in endpoints.items() if count >= self._caps.per_endpoint]
        return [*full, *self._rates.empty(now)]

    async def _set_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if len(self._in_flight) >= self._caps.in_all:
            return  # the next one to end wakes us
        now = time.monotonic()
        due = await self._store.seconds_until_due(self._full_hosts(), self._full_endpoints(now))
        waits = [wait for wait in (due, self._rates.seconds_until_next(now)) if wait is not None]
        if waits:
            self._alarm = asyncio.get_running_loop().call_later(max(min(waits), 0.05), self._wake.set)

    def _start(self, delivery: Delivery) -> None:
        self._rates.spend(delivery.endpoint, time.monotonic())
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
        attempt = Attempt(delivery, outcome, started_at, time.monotonic() - started)
        ATTEMPTS.labels(outcome.reason).inc()
        verdict = await self._store.record(attempt, lambda endpoint: self._judge(attempt, endpoint))
        if verdict is None:
            log.warning("webhook_claim_lost", job_id=delivery.job_id, seq=delivery.seq, reason=outcome.reason)
        else:
            _tell(attempt, verdict)

    def _judge(self, attempt: Attempt, endpoint: Endpoint) -> tuple[Endpoint, Verdict]:
        """Say what an attempt means for its endpoint and its delivery."""
        delivery, outcome = attempt.delivery, attempt.outcome
        now = attempt.started_at + timedelta(seconds=attempt.duration_seconds)
        spread = random.random()  # noqa: S311  spreads retries, hides nothing
        rest = pause(delivery.throttles, retry_after(outcome.retry_after, now))
        after = endpoint
        if outcome.reason != "delivered":
            after = after_failure(
                endpoint, outcome, rest, attempt.started_at, now, self._open_seconds, probe=delivery.probe
            )
        if after.disabled_at is not None and endpoint.disabled_at is None:
            DISABLED.labels(after.disabled_reason).inc()
            log.error("webhook_endpoint_disabled", job_id=delivery.job_id, reason=after.disabled_reason)
        disabled = after.disabled_at is not None
        return after, settle(delivery, outcome, self._ladder, spread, now, disabled=disabled)

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


def _tell(attempt: Attempt, verdict: Verdict) -> None:
    delivery = attempt.delivery
    facts = {
        "job_id": delivery.job_id,
        "webhook": delivery.event,
        "reason": attempt.outcome.reason,
        "attempt": delivery.attempts + 1,
        "duration_seconds": round(attempt.duration_seconds, 3),
    }
    if verdict.status == "delivered":
        log.info("webhook_delivered", **facts)
    elif verdict.status == "pending":
        log.warning("webhook_failed", **facts, retry_in_seconds=round(verdict.delay_seconds, 1))
    elif verdict.status == "held":
        log.error("webhook_held", **facts)
    else:
        log.error("webhook_exhausted", **facts)
