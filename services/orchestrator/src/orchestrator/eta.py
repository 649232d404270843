"""When a running job should end: the longest path through what is left of the pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache

from contracts.jobs import JobState
from contracts.stages import StageId
from orchestrator.job import Job, StageRecord, StageStatus
from orchestrator.pipeline import pipeline


def remaining_seconds(job: Job, durations: Mapping[StageId, float], now: datetime) -> float:
    """Return the estimated seconds until a running job ends, 0 for any other.

    ``durations`` are recorded seconds per stage (the pipeline's typical ones stand in for what is not recorded). A stage
    that waits for its next attempt counts its wait; one that runs counts what its usual duration leaves.
    """
    if job.state is not JobState.RUNNING:
        return 0.0
    table = pipeline(job)

    @cache
    def finish(stage: StageId) -> float:
        record = job.stages.get(stage)
        if record is not None and record.status is StageStatus.DONE:
            return 0.0
        begin = max((finish(need) for need in table[stage].needs), default=0.0)
        usual = durations.get(stage, table[stage].typical_seconds)
        return begin + _left(record, usual, now)

    return max(finish(stage) for stage in table)


def _left(record: StageRecord | None, usual: float, now: datetime) -> float:
    if record is None:
        return usual
    if record.status is StageStatus.WAITING and record.due_at is not None:
        return max(0.0, (record.due_at - now).total_seconds()) + usual
    return max(0.0, usual - (now - record.started_at).total_seconds())
