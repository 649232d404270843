"""Looking at jobs, and steering them."""

from __future__ import annotations

import mimetypes
from typing import Annotated, Any, Literal

import msgspec
from litestar import MediaType, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from litestar.params import FromPath, JSONBody, QueryParameter

from chassis import logs
from chassis.clock import Clock
from chassis.errors import InvalidKey, ObjectMissing, StoreUnavailable
from chassis.objects import ObjectStore
from contracts.commands import CancelJob, RetryJob
from contracts.ids import JobId, parse_job_id
from contracts.jobs import TERMINAL_STATES
from gateway.access import OF_A_JOB
from gateway.errors import Refusal
from gateway.headers import DOCUMENT
from gateway.presenters import job_page, statistics
from gateway.schemas import (
    Acknowledged,
    Errors,
    FailedJob,
    JobPage,
    JobStatus,
    RetryRequest,
    Statistics,
)
from gateway.settings import Settings
from gateway.store import Store
from gateway.submissions import Sender
from gateway.waiting import Waiting

log = logs.get_logger(__name__)

Limit = Annotated[int, QueryParameter(ge=1, le=100, description="How many to return.")]
Offset = Annotated[int, QueryParameter(ge=0, le=1_000_000_000, description="How many to leave out.")]
State = Literal["pending", "running", "completed", "failed", "cancelled"]

CANCEL_SECONDS = 5.0
"""How long a cancel waits for the orchestrator's commit before it answers 202."""


def checked_id(job_id: str) -> JobId:
    """Return a job's identifier in canonical form. Raises Refusal when it is no UUID."""
    try:
        return parse_job_id(job_id)
    except ValueError as error:
        detail = "job_id must be a UUID such as 550e8400-e29b-41d4-a716-446655440000"
        raise Refusal(400, "invalid_job_id", detail, "job_id") from error


def checked_batch(batch_id: str) -> str:
    """Return a batch's name. Raises Refusal when it has a NUL character, which Postgres cannot hold."""
    if "\0" in batch_id:
        raise Refusal(400, "invalid_parameter", "batch_id must not contain a NUL character", "batch_id")
    return batch_id


@get("/jobs", tags=["jobs"], summary="List jobs")
async def list_jobs(
    store: NamedDependency[Store],
    tenant: NamedDependency[str],
    status: Annotated[State | None, QueryParameter(description="Only jobs in this state.")] = None,
    batch_id: Annotated[str | None, QueryParameter(description="Only jobs of this batch.")] = None,
    limit: Limit = 20,
    offset: Offset = 0,
) -> JobPage:
    """Return jobs, newest first."""
    wanted = None if batch_id is None else checked_batch(batch_id)
    rows, counts = await store.jobs(tenant, status, wanted, limit, offset)
    return job_page(rows, counts, status, limit, offset)


@get("/jobs/{job_id:str}/status", opt=OF_A_JOB, tags=["jobs"], summary="Status of a job")
async def get_status(
    job_id: FromPath[str], waiting: NamedDependency[Waiting], tenant: NamedDependency[str]
) -> JobStatus:
    """Return a job as it stands; once completed, with its article in ``result``."""
    return await waiting.status(tenant, checked_id(job_id))


@post(
    "/jobs/{job_id:str}/cancel",
    status_code=200,
    responses={202: ResponseSpec(Acknowledged, description="It is done as soon as the command arrives")},
    tags=["jobs"],
    summary="Cancel a job",
)
async def cancel_job(
    job_id: FromPath[str],
    waiting: NamedDependency[Waiting],
    tenant: NamedDependency[str],
    sender: NamedDependency[Sender],
    clock: NamedDependency[Clock],
) -> Response[Acknowledged]:
    """Stop a job that has not ended.

    Answers 200 once the cancellation is committed, 202 when that takes longer than 5 seconds.
    """
    number = checked_id(job_id)
    job = await waiting.job(tenant, number)
    _refuse_finished(job.state)
    await sender.command(CancelJob(job_id=number, tenant=tenant, requested_at=clock.now()), job.run)
    job = await waiting.ended(tenant, number, CANCEL_SECONDS)
    if job.state not in TERMINAL_STATES:
        message = "Cancellation accepted; the job stops as soon as the command arrives"
        return Response(Acknowledged(success=True, job_id=number, message=message), status_code=202)
    if job.state != "cancelled":
        _refuse_finished(job.state)
    return Response(
        Acknowledged(success=True, job_id=number, message="Job cancelled successfully"), status_code=200
    )


def _refuse_finished(state: str) -> None:
    if state in TERMINAL_STATES:
        raise Refusal(409, "job_finished", f"the job is {state} and cannot be cancelled", status_of_job=state)


@post("/jobs/{job_id:str}/retry", status_code=202, tags=["jobs"], summary="Retry a failed job")
async def retry_job(
    job_id: FromPath[str],
    waiting: NamedDependency[Waiting],
    tenant: NamedDependency[str],
    sender: NamedDependency[Sender],
    clock: NamedDependency[Clock],
    data: JSONBody[RetryRequest | None] = None,
) -> Acknowledged:
    """Go on with a failed job from the stage that failed; what is done is not done again, nor paid for again.

    With ``max_cost_usd`` in the body, which may be left out, that is its limit from now on.
    """
    number = checked_id(job_id)
    job = await waiting.job(tenant, number)
    if job.state != "failed":
        detail = f"the job is {job.state}; only a failed job can be retried"
        raise Refusal(409, "job_not_failed", detail, status_of_job=job.state)
    if not job.last_seq:
        raise Refusal(
            409, "submission_refused", "the job never began; submit it anew", status_of_job=job.state
        )
    limit = None if data is None else data.max_cost_usd
    command = RetryJob(
        job_id=number, tenant=tenant, requested_at=clock.now(), run=job.run, max_cost_usd=limit
    )
    await sender.command(command, job.run)
    return Acknowledged(success=True, job_id=number, message="Job goes on from the stage that failed")


@get("/jobs/stats", tags=["system"], summary="System statistics")
async def get_stats(
    store: NamedDependency[Store],
    tenant: NamedDependency[str],
    settings: NamedDependency[Settings],
    clock: NamedDependency[Clock],
) -> Statistics:
    """Return how many jobs there are in each state, and how busy the slots are."""
    counts = await store.counts(tenant)
    average = await store.average_duration(tenant)
    return statistics(counts, average, settings.max_concurrent, settings.db_path, clock.now())


@get("/jobs/errors", tags=["system"], summary="Failed jobs")
async def get_errors(
    store: NamedDependency[Store], tenant: NamedDependency[str], limit: Limit = 20
) -> Errors:
    """Return the latest failed jobs and how often each error code came."""
    rows, counts = await store.errors(tenant, limit)
    failed = tuple(
        FailedJob(
            job_id=row["job_id"],
            primary_keyword=row["primary_keyword"],
            error=row["error"],
            error_code=row["error_code"],
            error_stage=row["error_stage"],
            failed_at=row["finished_at"],
        )
        for row in rows
    )
    return Errors(counts=counts, jobs=failed, total=sum(counts.values()))


_ARTICLE_FIELDS = {"text/html": "html_content", "text/markdown": "markdown_content"}


@get(
    "/jobs/{job_id:str}/article",
    opt=OF_A_JOB,
    tags=["jobs"],
    summary="The article",
    media_type=MediaType.HTML,
)
async def get_article(
    job_id: FromPath[str],
    store: NamedDependency[Store],
    waiting: NamedDependency[Waiting],
    tenant: NamedDependency[str],
    request: Request[Any, Any, Any],
) -> Response[str]:
    """Return a completed job's article as HTML, Markdown or JSON, by the ``Accept`` header (HTML by default)."""
    job = await waiting.job(tenant, checked_id(job_id))
    result = await store.result(tenant, job.job_id)
    if result is None:
        raise Refusal(
            409, "not_completed", f"the job is {job.state}; there is no article yet", status_of_job=job.state
        )
    kind = request.accept.best_match([*_ARTICLE_FIELDS, "application/json"], default="text/html")
    if kind == "application/json":
        return Response(result, media_type="application/json")
    text = msgspec.json.decode(result)[_ARTICLE_FIELDS[str(kind)]]
    return Response(text, media_type=str(kind), headers=DOCUMENT)


@get(
    "/jobs/{job_id:str}/files/{name:str}",
    opt=OF_A_JOB,
    tags=["jobs"],
    summary="A stored file",
    media_type="application/octet-stream",
)
async def get_file(
    job_id: FromPath[str],
    name: FromPath[str],
    waiting: NamedDependency[Waiting],
    tenant: NamedDependency[str],
    objects: NamedDependency[ObjectStore],
) -> Response[bytes]:
    """Return an image or document that was stored with the article."""
    job = await waiting.job(tenant, checked_id(job_id))
    try:
        data = await objects.get(f"{job.job_id}/{name}")
    except (ObjectMissing, InvalidKey) as error:
        raise Refusal(404, "file_not_found", f"the job has no file {name}", "name") from error
    except StoreUnavailable as error:
        log.warning("file_not_read", job_id=job.job_id, file=name, reason=str(error))
        raise Refusal(503, "store_unavailable", "the article store does not give the file out") from error
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return Response(data, media_type=kind, headers=DOCUMENT)
