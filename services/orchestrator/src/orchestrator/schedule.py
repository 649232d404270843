"""Admission: which pending jobs get the free slots."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec

from contracts.ids import JobId

AGEING_SECONDS = 600.0
"""Waiting this long raises a job by one priority class, so that nothing starves."""


class Candidate(msgspec.Struct, frozen=True):
    """A pending job, as far as admission cares."""

    job_id: JobId
    tenant: str
    priority: int
    """1 high, 2 normal, 3 low."""
    queued_at: datetime


def effective_priority(candidate: Candidate, now: datetime, ageing_seconds: float = AGEING_SECONDS) -> int:
    """Return the priority class after ageing; lower goes first, and it may fall below 1."""
    waited = max(0.0, (now - candidate.queued_at).total_seconds())
    return candidate.priority - int(waited // ageing_seconds)


def pick(
    candidates: Iterable[Candidate],
    running_by_tenant: Mapping[str, int],
    free: int,
    now: datetime,
    ageing_seconds: float = AGEING_SECONDS,
    per_tenant: int | None = None,
) -> tuple[JobId, ...]:
    """Return the jobs to admit, at most ``free``, in order; no tenant gets more than ``per_tenant`` in all.

    Every slot goes to the best effective priority; among equals to the tenant with the fewest running jobs, those
    picked before included; among equals to the job that has waited longest. No slot stays free while a candidate waits
    whose tenant may have one more.
    """
    running = Counter(running_by_tenant)
    waiting = {
        candidate.job_id: candidate
        for candidate in candidates
        if per_tenant is None or running[candidate.tenant] < per_tenant
    }
    picked: list[JobId] = []
    while waiting and len(picked) < free:
        best = min(
            waiting.values(),
            key=lambda candidate: (
                effective_priority(candidate, now, ageing_seconds),
                running[candidate.tenant],
                candidate.queued_at,
                candidate.job_id,
            ),
        )
        picked.append(best.job_id)
        running[best.tenant] += 1
        del waiting[best.job_id]
        if running[best.tenant] == per_tenant:
            waiting = {name: other for name, other in waiting.items() if other.tenant != best.tenant}
    return tuple(picked)
