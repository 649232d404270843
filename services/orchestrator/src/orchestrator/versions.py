"""Jobs of a pipeline that this release does not have: a later release made them, and they are left to it."""

from __future__ import annotations

import msgspec

from contracts import codec
from contracts.ids import JobId
from orchestrator.job import Job
from orchestrator.pipeline import PIPELINES


class Foreign(msgspec.Struct, frozen=True, kw_only=True):
    """All that can be known of such a job: whatever else its row says may mean something else."""

    job_id: JobId
    pipeline_version: int


def known() -> list[int]:
    """Return the versions of the jobs that this release may touch."""
    return sorted(PIPELINES)


def read_job(doc: str) -> Job | Foreign:
    """Return a job from its row. Raises DecodeError when its version is known and the rest does not fit."""
    try:
        job = codec.decode(doc, Job)
    except msgspec.ValidationError:
        foreign = codec.decode(doc, Foreign)
        if foreign.pipeline_version in PIPELINES:
            raise
        return foreign
    if job.pipeline_version in PIPELINES:
        return job
    return Foreign(job_id=job.job_id, pipeline_version=job.pipeline_version)
