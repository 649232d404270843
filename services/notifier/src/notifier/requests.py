"""What others ask of a notifier over NATS, and wait for: to send webhooks again, and to try an address.

Any notifier answers. A question that nobody answers was not heard, and whoever asked says so to the client.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable

import httpx
import msgspec
from nats.aio.client import Client
from nats.aio.msg import Msg

from chassis import logs
from chassis.clock import Clock
from contracts import codec, subjects
from contracts.webhooks import ReplayDeliveries, Replayed, TryWebhook, WebhookTried
from notifier.endpoint import post
from notifier.payloads import trial
from notifier.signing import headers, tenant_keys
from notifier.store import DeliveryStore

log = logs.get_logger(__name__)

QUEUE = "notifier"
TRIALS_AT_ONCE = 16
"""Addresses that are tried at the same time, in this process; more are told that it is busy."""
TRIAL_SECONDS = 15.0
"""For one of them, however long a webhook may take: somebody waits for the answer."""


class Requests:
    """Answers questions, each in a task of its own: a receiver that hangs holds up no other question."""

    def __init__(
        self,
        store: DeliveryStore,
        client: httpx.AsyncClient,
        keys: list[bytes],
        timeout_seconds: float,
        wake: asyncio.Event,
        clock: Clock,
    ) -> None:
        self._store = store
        self._client = client
        self._keys = keys
        self._timeout = min(timeout_seconds, TRIAL_SECONDS)
        self._wake = wake
        self._clock = clock
        self._trials = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def attach(self, nats: Client) -> None:
        """Begin to answer."""
        for subject, answer in (
            (subjects.REPLAY_DELIVERIES, self.replay),
            (subjects.TRY_WEBHOOK, self.try_it),
        ):
            await nats.subscribe(subject, queue=QUEUE, cb=self._in_background(answer))

    def _in_background(
        self, answer: Callable[[bytes], Awaitable[object]]
    ) -> Callable[[Msg], Awaitable[None]]:
        async def begin(message: Msg) -> None:
            task = asyncio.create_task(_answered(message, answer))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        return begin

    async def replay(self, question: bytes) -> Replayed:
        """Let webhooks of a job go out again."""
        wanted = codec.decode(question, ReplayDeliveries)
        deliveries = await self._store.replay(wanted)
        log.info("webhooks_replayed", job_id=wanted.job_id, webhooks=deliveries)
        self._wake.set()
        return Replayed(deliveries=deliveries)

    async def try_it(self, question: bytes) -> WebhookTried:
        """Post a webhook that only tries an address, as all others are posted; one that is taken heals its endpoint."""
        wanted = codec.decode(question, TryWebhook)
        if self._trials >= TRIALS_AT_ONCE:
            return WebhookTried(reason="busy")
        self._trials += 1
        try:
            tried = await self._try(wanted.tenant, wanted.url)
        finally:
            self._trials -= 1
        if tried.reason == "delivered":
            await self._store.heal(wanted.tenant, wanted.url)
            self._wake.set()
        return tried

    async def _try(self, tenant: str, url: str) -> WebhookTried:
        now, started = self._clock.now(), time.monotonic()
        body = codec.encode(trial(now))
        keys = tenant_keys(self._keys, tenant)
        signed = headers(keys, f"msg_test_{uuid.uuid4().hex}", int(now.timestamp()), body)
        outcome = await post(self._client, url, signed, body, self._timeout)
        seconds = round(time.monotonic() - started, 3)
        return WebhookTried(reason=outcome.reason, status_code=outcome.status_code, duration_seconds=seconds)

    async def close(self) -> None:
        """Cut off what is being answered."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _answered(message: Msg, answer: Callable[[bytes], Awaitable[object]]) -> None:
    """Respond, or say nothing when there is no answer: then whoever asked learns that there was none."""
    try:
        await message.respond(codec.encode(await answer(message.data)))
    except msgspec.DecodeError as error:
        log.warning("question_unreadable", subject=message.subject, reason=str(error))
    except Exception:
        log.exception("question_not_answered", subject=message.subject)
