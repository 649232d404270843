"""The webhook's body, from an event, what the job's request wants told, and the job's result. Pure."""

from __future__ import annotations

from typing import Any, cast
from urllib.parse import urlsplit

import msgspec

from contracts import codec
from contracts.events import Completed, Event, Failed, Submitted, event_type
from contracts.ids import JobId
from contracts.jobs import DEFAULT_CALLBACK_EVENTS, CallbackEvent
from contracts.webhooks import NULL, TEST_EVENT, ThinWebhookPayload, WebhookLinks, WebhookPayload

NO_JOB = JobId("00000000-0000-0000-0000-000000000000")
"""What a webhook is about that only tries an address."""


class Wish(msgspec.Struct, frozen=True):
    """What a job's request wants told, and where."""

    url: str
    events: frozenset[str] = frozenset(DEFAULT_CALLBACK_EVENTS)
    thin: bool = False

    @classmethod
    def of(cls, url: str, events: str | None, payload: str) -> Wish:
        """Return what a row of ``api.callbacks`` says."""
        wanted = DEFAULT_CALLBACK_EVENTS if events is None else events.split(",")
        return cls(url, frozenset(wanted), payload == "thin")


class Webhook(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be delivered."""

    job_id: str
    tenant: str
    seq: int
    event: str
    url: str
    body: bytes


def webhook(event: Event, wish: Wish, result: str | None, public_url: str) -> Webhook:
    """Return the webhook of an event that has a ``seq``; ``result`` is the article as JSON."""
    content: object = thin(event, public_url) if wish.thin else payload(event, result)
    return Webhook(
        job_id=event.job_id,
        tenant=event.tenant,
        seq=cast("int", event.seq),
        event=event_type(event),
        url=wish.url,
        body=codec.encode(content),
    )


def payload(event: Event, result: str | None) -> WebhookPayload:
    """Return the whole body: the article with the event that completed the job, the event itself before its end."""
    ends = event_type(event) in DEFAULT_CALLBACK_EVENTS
    return WebhookPayload(
        **_head(event),
        result=msgspec.Raw(result.encode()) if result is not None and isinstance(event, Completed) else NULL,
        error=event.error if isinstance(event, Failed) else None,
        error_code=event.error_code if isinstance(event, Failed) else None,
        details=NULL if ends else msgspec.Raw(codec.encode(event)),
    )


def thin(event: Event, public_url: str) -> ThinWebhookPayload:
    """Return the body without content; ``public_url`` is how clients reach the API."""
    job = f"{public_url.rstrip('/')}/jobs/{event.job_id}"
    links = WebhookLinks(status=f"{job}/status", events=f"{job}/events", article=f"{job}/article")
    return ThinWebhookPayload(**_head(event), links=links)


def trial(now: Any) -> WebhookPayload:
    """Return the body of a webhook that only tries an address."""
    return WebhookPayload(event=TEST_EVENT, job_id=NO_JOB, status="test", seq=0, timestamp=now)


def _head(event: Event) -> dict[str, Any]:
    name = cast("CallbackEvent", event_type(event))
    return {
        "event": name,
        "job_id": event.job_id,
        "status": _state(event),
        "seq": event.seq,
        "timestamp": event.at,
        "batch_id": event.batch_id,
    }


def _state(event: Event) -> str:
    """Return the job's state once the event has happened."""
    if isinstance(event, Submitted):
        return "pending"
    name = event_type(event)
    return name if name in DEFAULT_CALLBACK_EVENTS else "running"


def host_of(url: str) -> str:
    """Return the host and port that ``url`` names, or all of it when it cannot be read."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2].lower() or url
    except ValueError:
        return url
