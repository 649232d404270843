"""The webhook's body, and what is asked of the notifier about webhooks."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from contracts.ids import JobId, SentJobId
from contracts.jobs import CallbackEvent, Url

NULL = msgspec.Raw(b"null")
"""No article. (``Raw | None`` could be written, but not read.)"""
PORTS = frozenset({443, 8443})
"""Of public receivers, with TLS: a webhook holds an article nobody else has seen, so it is not sent in the clear."""
TEST_EVENT: Literal["test"] = "test"
"""The ``event`` of a webhook that only tries an address."""


class WebhookPayload(msgspec.Struct, frozen=True, kw_only=True):
    """What is posted to ``callback_url``."""

    event: CallbackEvent | Literal["test"]
    job_id: JobId
    status: str
    """The job's state."""
    seq: int
    """The event's number in the job's story."""
    timestamp: datetime
    batch_id: str | None = None
    result: msgspec.Raw = NULL
    """The article, as in the status answer; null unless completed."""
    error: str | None = None
    error_code: str | None = None
    details: msgspec.Raw = NULL
    """The event itself, as in the history, when it does not end the job; else null."""


class WebhookLinks(msgspec.Struct, frozen=True, kw_only=True):
    """Where the rest is read."""

    status: str
    events: str
    article: str


class ThinWebhookPayload(msgspec.Struct, frozen=True, kw_only=True):
    """What is posted when the request asked for ``webhook_payload=thin``: what happened to which job, and links."""

    event: CallbackEvent
    job_id: JobId
    status: str
    seq: int
    timestamp: datetime
    batch_id: str | None = None
    links: WebhookLinks


class ReplayDeliveries(msgspec.Struct, frozen=True, kw_only=True):
    """Send a job's webhooks again. Asked of any notifier, which answers once that is committed."""

    job_id: SentJobId
    tenant: str
    seq: int | None = None
    """Only the webhook of this event; None for all that were not delivered."""


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """How many webhooks go out again."""

    deliveries: int


class TryWebhook(msgspec.Struct, frozen=True, kw_only=True):
    """Post a webhook that only tries an address. Asked of any notifier, which answers how it went."""

    tenant: str
    url: Url


class WebhookTried(msgspec.Struct, frozen=True, kw_only=True):
    """How one attempt went."""

    reason: str
    """As of every attempt: ``delivered``, ``timeout``, ``http_404`` …; ``busy`` when too many are tried already."""
    status_code: int | None = None
    duration_seconds: float = 0.0
