"""Identifiers."""

from __future__ import annotations

import uuid
from typing import Annotated, NewType

from msgspec import Meta

JobId = NewType("JobId", str)
"""A job's identifier: a UUID in its canonical, lower-case text form."""

SentJobId = Annotated[JobId, Meta(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$(?!\n)")]
"""A job's identifier in a message. What is none is refused when the message is read, so that it gets no further:
subjects are built from it."""

DEFAULT_TENANT = "default"
"""The tenant of every request while access keys are not in use."""


def new_job_id() -> JobId:
    """Return a random (version 4) job identifier."""
    return JobId(str(uuid.uuid4()))


def parse_job_id(text: str) -> JobId:
    """Return ``text`` as a job identifier in canonical form; raise :class:`ValueError` if it is no UUID."""
    return JobId(str(uuid.UUID(text)))
