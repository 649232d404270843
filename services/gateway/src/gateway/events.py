"""A job's story: as a page of history, or live."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from litestar.response import ServerSentEvent, ServerSentEventMessage

from gateway.access import OF_A_JOB
from gateway.errors import Refusal
from gateway.jobs import checked_id
from gateway.schemas import EventPage
from gateway.store import Store
from gateway.waiting import Waiting

EVENT_STREAM = "text/event-stream"
LARGEST_SEQ = 2**31 - 1


@get("/jobs/{job_id:str}/events", opt=OF_A_JOB, tags=["jobs"], summary="Events of a job")
async def get_events(
    job_id: FromPath[str],
    store: NamedDependency[Store],
    waiting: NamedDependency[Waiting],
    tenant: NamedDependency[str],
    request: Request[Any, Any, Any],
    after: Annotated[
        int, QueryParameter(ge=0, le=LARGEST_SEQ, description="Only events with a higher seq.")
    ] = 0,
    limit: Annotated[int, QueryParameter(ge=1, le=1000, description="How many to return.")] = 500,
) -> Response[Any]:
    """Return a job's events as JSON, or as server-sent events when ``Accept`` asks for ``text/event-stream``.

    The stream starts with the history after ``Last-Event-ID`` (or ``after``), goes on live, and ends with the job.
    """
    job = await waiting.job(tenant, checked_id(job_id))
    if (
        request.accept.best_match(["application/json", EVENT_STREAM], default="application/json")
        == EVENT_STREAM
    ):
        return _stream(waiting, tenant, job.job_id, _resume(request, after))
    rows = await store.events(tenant, job.job_id, after, limit)
    page = EventPage(
        events=[msgspec.Raw(row["body"].encode()) for row in rows],
        next_after=rows[-1]["seq"] if rows else after,
    )
    return Response(page)


def _resume(request: Request[Any, Any, Any], after: int) -> int:
    last = request.headers.get("last-event-id", "")
    if not last:
        return after
    if not re.fullmatch("[0-9]{1,10}", last) or int(last) > LARGEST_SEQ:
        raise Refusal(400, "invalid_parameter", "Last-Event-ID must be the seq of an event", "Last-Event-ID")
    return int(last)


def _stream(waiting: Waiting, tenant: str, job_id: str, after: int) -> ServerSentEvent:
    headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    return ServerSentEvent(_messages(waiting, tenant, job_id, after), headers=headers)


async def _messages(
    waiting: Waiting, tenant: str, job_id: str, after: int
) -> AsyncIterator[ServerSentEventMessage]:
    async for event in waiting.events(tenant, job_id, after):
        if not event.type:
            yield ServerSentEventMessage(data=None, comment="still here")
        else:
            yield ServerSentEventMessage(data=event.data, event=event.type, id=event.seq)
