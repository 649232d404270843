"""Where a reader of a tenant's feed stands: pure."""

from __future__ import annotations

import re

import msgspec

from gateway.errors import Refusal

NO_JOB = "00000000-0000-0000-0000-000000000000"
"""Comes before every job, so that a place with it is before all events of its position."""

_TEXT = re.compile(r"(\d{1,18})(?:\.([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.(\d{1,9}))?")


class FeedPlace(msgspec.Struct, frozen=True, order=True):
    """After an event, in the order of :class:`contracts.views.FeedRow`."""

    position: int
    job_id: str = NO_JOB
    seq: int = 0

    def __str__(self) -> str:
        """Return the cursor that clients are given: ``<position>``, or ``<position>.<job_id>.<seq>``."""
        if self.job_id == NO_JOB:
            return str(self.position)
        return f"{self.position}.{self.job_id}.{self.seq}"


def read_place(text: str, field: str) -> FeedPlace:
    """Return the place that a cursor means. Raises Refusal (400) that names the field when it is none."""
    found = _TEXT.fullmatch(text)
    if found is None:
        detail = f"{field} must be a cursor that this API gave: next_after, or the id of an event; 0 for the beginning"
        raise Refusal(400, "invalid_parameter", detail, field)
    position, job_id, seq = found.groups()
    return FeedPlace(int(position)) if job_id is None else FeedPlace(int(position), job_id, int(seq))
