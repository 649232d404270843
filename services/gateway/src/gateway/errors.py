"""What the API refuses, with the status and the stable code it answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Refusal(Exception):
    """A request that cannot be served; becomes a problem+json answer."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        field: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.field = field
        self.headers = dict(headers or {})
        self.extra = extra


def job_not_found(job_id: str) -> Refusal:
    """Return the refusal for a job that does not exist, or is another tenant's."""
    return Refusal(404, "job_not_found", f"there is no job {job_id}", "job_id")


def key_reused() -> Refusal:
    """Return the refusal for an idempotency key that came with another body before."""
    detail = "this Idempotency-Key was used with a different request"
    return Refusal(422, "idempotency_key_reused", detail, "Idempotency-Key")
