"""Identifiers."""

from __future__ import annotations

import uuid
from typing import NewType

JobId = NewType("JobId", str)
"""A job's identifier: a UUID in its canonical, lower-case text form."""

DEFAULT_TENANT = "default"
"""The tenant of every request while access keys are not in use."""


def new_job_id() -> JobId:
    """Return a random (version 4) job identifier."""
    return JobId(str(uuid.uuid4()))


def parse_job_id(text: str) -> JobId:
    """Return ``text`` as a job identifier in canonical form; raise :class:`ValueError` if it is no UUID."""
    return JobId(str(uuid.UUID(text)))
