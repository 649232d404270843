"""The pipeline as a table for each version: what each stage needs, how long it may take, how often it is tried.

A job keeps the version it was made with until it ends. How to change the pipeline: ``docs/adr/0006``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache

import msgspec

from contracts.jobs import JobState
from contracts.stages import StageId
from orchestrator.job import Job, StageRecord, StageStatus

MAX_ROUNDS = 3
"""The first draft and at most two regenerations."""


class StageSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the table."""

    needs: tuple[StageId, ...] = ()
    timeout_seconds: float
    """Hard ceiling of one attempt."""
    delays: tuple[float, ...] = (3.0, 15.0)
    """Seconds before the second, third, … attempt; one attempt more than delays."""
    typical_seconds: float
    """For the estimate, until durations were recorded."""

    @property
    def attempts(self) -> int:
        """How often the stage is tried in all."""
        return len(self.delays) + 1


_S = StageId
_PATIENT = (5.0, 30.0, 120.0)

Pipeline = Mapping[StageId, StageSpec]

_PIPELINE_1: Pipeline = {
    _S.COMPANY: StageSpec(timeout_seconds=300, typical_seconds=10),
    _S.BRIEF: StageSpec(needs=(_S.COMPANY,), timeout_seconds=300, typical_seconds=5),
    _S.RESEARCH: StageSpec(needs=(_S.BRIEF,), timeout_seconds=1200, delays=_PATIENT, typical_seconds=60),
    _S.DRAFT: StageSpec(needs=(_S.RESEARCH,), timeout_seconds=1200, delays=_PATIENT, typical_seconds=30),
    _S.CITATIONS: StageSpec(needs=(_S.DRAFT,), timeout_seconds=600, typical_seconds=10),
    _S.INTERNAL_LINKS: StageSpec(needs=(_S.DRAFT,), timeout_seconds=120, typical_seconds=1),
    _S.TABLE_OF_CONTENTS: StageSpec(needs=(_S.DRAFT,), timeout_seconds=120, typical_seconds=1),
    _S.METADATA: StageSpec(needs=(_S.DRAFT,), timeout_seconds=120, typical_seconds=1),
    _S.FAQ: StageSpec(needs=(_S.DRAFT,), timeout_seconds=300, typical_seconds=3),
    _S.IMAGES: StageSpec(needs=(_S.DRAFT,), timeout_seconds=300, typical_seconds=5),
    _S.QUALITY: StageSpec(
        needs=(_S.CITATIONS, _S.INTERNAL_LINKS, _S.TABLE_OF_CONTENTS, _S.METADATA, _S.FAQ, _S.IMAGES),
        timeout_seconds=300,
        typical_seconds=2,
    ),
    _S.REVIEW: StageSpec(needs=(_S.QUALITY,), timeout_seconds=600, delays=_PATIENT, typical_seconds=3),
    _S.PUBLISH: StageSpec(needs=(_S.REVIEW,), timeout_seconds=300, delays=_PATIENT, typical_seconds=3),
}

PIPELINES: Mapping[int, Pipeline] = {1: _PIPELINE_1}
"""By version. One stays until no job of it is left."""


def latest_version() -> int:
    """Return the version that new jobs get."""
    return max(PIPELINES)


def pipeline(job: Job) -> Pipeline:
    """Return the table that holds for ``job``."""
    return PIPELINES[job.pipeline_version]


def round_stages(version: int) -> frozenset[StageId]:
    """Return what a refused round does again: the draft, the gate, and all that lies between."""
    return _between(PIPELINES[version], StageId.DRAFT, StageId.QUALITY)


def _between(table: Pipeline, first: StageId, last: StageId) -> frozenset[StageId]:
    @cache
    def before(stage: StageId) -> frozenset[StageId]:
        return frozenset((stage,)).union(*map(before, table[stage].needs))

    return frozenset(stage for stage in before(last) if first in before(stage))


def done(stages: Mapping[StageId, StageRecord]) -> frozenset[StageId]:
    """Return the stages whose output is there."""
    return frozenset(stage for stage, record in stages.items() if record.status is StageStatus.DONE)


def ready(job: Job) -> tuple[StageId, ...]:
    """Return the stages that have not started and whose needs are all done, in pipeline order."""
    finished = done(job.stages)
    return tuple(
        stage
        for stage, spec in pipeline(job).items()
        if stage not in job.stages and finished.issuperset(spec.needs)
    )


def current_stage(job: Job) -> StageId | None:
    """Return the lowest started, unfinished stage of a running job."""
    if job.state is not JobState.RUNNING:
        return None
    return min(set(job.stages) - done(job.stages), default=None)


def stages_completed(job: Job) -> int:
    """Return how many stages are done in the current round."""
    return len(done(job.stages))


def total_stages(job: Job) -> int:
    """Return how many stages the job has in all."""
    return len(pipeline(job))


def progress_percent(job: Job) -> int:
    """Return completed stages in percent, rounded down."""
    return stages_completed(job) * 100 // total_stages(job)


def wake_at(job: Job) -> datetime | None:
    """Return when a running job needs to be looked at: its deadline or the next attempt that is due."""
    if job.state is not JobState.RUNNING:
        return None
    dues = [record.due_at for record in job.stages.values() if record.status is StageStatus.WAITING]
    return min((due for due in (job.deadline_at, *dues) if due is not None), default=None)
