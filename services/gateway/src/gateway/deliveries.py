"""A job's webhooks: what became of them, sending them again, and trying an address."""

from __future__ import annotations

from typing import Annotated

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from contracts import subjects
from contracts.webhooks import ReplayDeliveries, Replayed, TryWebhook, WebhookTried
from gateway.callbacks import CallbackRules
from gateway.errors import Refusal
from gateway.events import LARGEST_SEQ
from gateway.jobs import checked_id
from gateway.notifier import Notifier
from gateway.presenters import delivery
from gateway.schemas import Deliveries, DeliveriesReplayed, WebhookTest, WebhookTestResult
from gateway.store import Store
from gateway.waiting import Waiting

TRIAL_SECONDS = 20.0
"""A test may take the notifier 15 s."""


@get("/jobs/{job_id:str}/deliveries", tags=["webhooks"], summary="Webhooks of a job")
async def get_deliveries(
    job_id: FromPath[str],
    store: NamedDependency[Store],
    waiting: NamedDependency[Waiting],
    tenant: NamedDependency[str],
) -> Deliveries:
    """Return a job's webhooks with every attempt at them."""
    job = await waiting.job(tenant, checked_id(job_id))
    rows = await store.deliveries(tenant, job.job_id)
    return Deliveries(job_id=job.job_id, deliveries=tuple(delivery(row, tried) for row, tried in rows))


@post(
    "/jobs/{job_id:str}/deliveries/replay", status_code=202, tags=["webhooks"], summary="Send webhooks again"
)
async def replay_deliveries(
    job_id: FromPath[str],
    waiting: NamedDependency[Waiting],
    tenant: NamedDependency[str],
    notifier: NamedDependency[Notifier],
    seq: Annotated[
        int | None,
        QueryParameter(ge=1, le=LARGEST_SEQ, description="Only the webhook of this event, delivered or not."),
    ] = None,
) -> DeliveriesReplayed:
    """Send a job's webhooks again at once, with all their attempts anew: those that were not delivered, or one.

    The endpoint is called even if it is disabled or paused; when it takes the webhook, what was held for it follows.
    """
    job = await waiting.job(tenant, checked_id(job_id))
    question = ReplayDeliveries(job_id=checked_id(job.job_id), tenant=tenant, seq=seq)
    answer = await notifier.ask(subjects.REPLAY_DELIVERIES, question, Replayed)
    if not answer.deliveries:
        raise Refusal(409, "nothing_to_replay", "the job has no such webhook that waits to be sent again")
    return DeliveriesReplayed(job_id=job.job_id, deliveries=answer.deliveries)


@post("/webhooks/test", status_code=200, tags=["webhooks"], summary="Try an address")
async def test_webhook(
    data: JSONBody[WebhookTest],
    tenant: NamedDependency[str],
    notifier: NamedDependency[Notifier],
    callbacks: NamedDependency[CallbackRules],
) -> WebhookTestResult:
    """Post a signed webhook with the event ``test`` to an address, as any other is posted, and say how it went."""
    callbacks.check(data.url, "url")
    question = TryWebhook(tenant=tenant, url=data.url)
    tried = await notifier.ask(subjects.TRY_WEBHOOK, question, WebhookTried, TRIAL_SECONDS)
    if tried.reason == "busy":
        raise Refusal(503, "notifier_busy", "too many addresses are being tried; try again in a moment")
    return WebhookTestResult(
        delivered=tried.reason == "delivered",
        reason=tried.reason,
        status_code=tried.status_code,
        duration_seconds=tried.duration_seconds,
    )
