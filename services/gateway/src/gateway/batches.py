"""Batches: jobs that a client grouped."""

from __future__ import annotations

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath

from gateway.errors import Refusal
from gateway.jobs import checked_batch
from gateway.presenters import batch_status
from gateway.schemas import BatchStatus
from gateway.store import Store

MOST_JOBS = 1000
"""Jobs of a batch that are listed; the counts cover all."""


@get("/batches/{batch_id:str}", tags=["jobs"], summary="Status of a batch")
async def get_batch(
    batch_id: FromPath[str], store: NamedDependency[Store], tenant: NamedDependency[str]
) -> BatchStatus:
    """Return a batch's jobs and how they stand."""
    rows, counts = await store.jobs(tenant, None, checked_batch(batch_id), MOST_JOBS, 0)
    if not rows:
        raise Refusal(404, "batch_not_found", f"there is no batch with batch_id {batch_id}", "batch_id")
    return batch_status(batch_id, rows, counts)
