"""The webhook's body, from the event that ended the job and the job's result. Pure."""

from __future__ import annotations

from typing import Literal, cast
from urllib.parse import urlsplit

import msgspec

from contracts.events import Completed, Event, Failed, event_type
from contracts.webhooks import NULL, WebhookPayload


def payload(event: Event, result: str | None) -> WebhookPayload:
    """Return what is posted for a terminal event that has a ``seq``; ``result`` is the article as JSON."""
    name = cast("Literal['completed', 'failed', 'cancelled']", event_type(event))
    return WebhookPayload(
        event=name,
        job_id=event.job_id,
        status=name,
        seq=cast("int", event.seq),
        timestamp=event.at,
        batch_id=event.batch_id,
        result=msgspec.Raw(result.encode()) if result is not None and isinstance(event, Completed) else NULL,
        error=event.error if isinstance(event, Failed) else None,
        error_code=event.error_code if isinstance(event, Failed) else None,
    )


def host_of(url: str) -> str:
    """Return the host and port that ``url`` names, or all of it when it cannot be read."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2].lower() or url
    except ValueError:
        return url
