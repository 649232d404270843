"""The webhook's body."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from contracts.ids import JobId

NULL = msgspec.Raw(b"null")
"""No article. (``Raw | None`` could be written, but not read.)"""


class WebhookPayload(msgspec.Struct, frozen=True, kw_only=True):
    """What is posted to ``callback_url`` when a job ends."""

    event: Literal["completed", "failed", "cancelled"]
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
