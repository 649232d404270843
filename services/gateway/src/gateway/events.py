"""A job's story, or that of all jobs: as a page of history, or live."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from litestar.response import ServerSentEvent, ServerSentEventMessage

from gateway.access import OF_A_JOB
from gateway.errors import Refusal
from gateway.feed_place import FeedPlace, read_place
from gateway.jobs import checked_id
from gateway.schemas import EventPage, FeedPage
from gateway.store import Store
from gateway.waiting import StreamEvent, Waiting

EVENT_STREAM = "text/event-stream"
LARGEST_SEQ = 2**31 - 1
SLOW_SECONDS = 15.0
"""A reader that takes nothing for so long is sent away, and one that never takes anything loses its connection
(chassis.http)."""
RETRY_MILLISECONDS = 2000
"""When a reader that was sent away should come back."""


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
    if _wants_stream(request):
        return _stream(waiting.events(tenant, job.job_id, _resume(request, after)))
    rows = await store.events(tenant, job.job_id, after, limit)
    page = EventPage(
        events=[msgspec.Raw(row["body"].encode()) for row in rows],
        next_after=rows[-1]["seq"] if rows else after,
    )
    return Response(page)


@get("/jobs/events", tags=["jobs"], summary="Events of all jobs")
async def get_feed(
    store: NamedDependency[Store],
    waiting: NamedDependency[Waiting],
    tenant: NamedDependency[str],
    request: Request[Any, Any, Any],
    after: Annotated[
        str | None, QueryParameter(description="Only events after this cursor; 0 for all that are kept.")
    ] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=1000, description="How many to return.")] = 500,
) -> Response[Any]:
    """Return the events of all jobs as JSON, or as server-sent events when ``Accept`` asks for ``text/event-stream``.

    The stream begins after ``Last-Event-ID`` (or ``after``), without either with what happens from now on, and goes on
    until the client leaves. Its event ids are cursors, as ``next_after`` is.
    """
    last = request.headers.get("last-event-id", "")
    given = last or after
    place = None if given is None else read_place(given, "Last-Event-ID" if last else "after")
    if _wants_stream(request):
        return _stream(waiting.feed(tenant, place))
    end = await store.feed_end()
    rows = await store.feed(tenant, place or FeedPlace(0), end, limit)
    reached = [FeedPlace(row["position"], row["job_id"], row["seq"]) for row in rows[-1:]]
    page = FeedPage(
        events=[msgspec.Raw(row["body"].encode()) for row in rows],
        next_after=str(*reached) if reached else str(place or FeedPlace(0)),
    )
    return Response(page)


def _wants_stream(request: Request[Any, Any, Any]) -> bool:
    kinds = ["application/json", EVENT_STREAM]
    return request.accept.best_match(kinds, default=kinds[0]) == EVENT_STREAM


def _resume(request: Request[Any, Any, Any], after: int) -> int:
    last = request.headers.get("last-event-id", "")
    if not last:
        return after
    if not re.fullmatch("[0-9]{1,10}", last) or int(last) > LARGEST_SEQ:
        raise Refusal(400, "invalid_parameter", "Last-Event-ID must be the seq of an event", "Last-Event-ID")
    return int(last)


def _stream(events: AsyncGenerator[StreamEvent]) -> ServerSentEvent:
    headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    return ServerSentEvent(_messages(events), headers=headers)


async def _messages(events: AsyncGenerator[StreamEvent]) -> AsyncIterator[ServerSentEventMessage]:
    """Yield what goes over the wire. Each is sent before the next is made, so a reader who stops holds up only himself.

    One that was held up for long is told so and sent away: it comes back with ``Last-Event-ID`` when it can read.
    """
    now = asyncio.get_running_loop().time
    async with aclosing(events):
        async for event in events:
            began = now()
            yield _message(event)
            held_up = now() - began
            if held_up > SLOW_SECONDS:
                hint = f"cut off: nothing was read for {held_up:.0f} s; go on with Last-Event-ID"
                yield ServerSentEventMessage(data=None, comment=hint, retry=RETRY_MILLISECONDS)
                return


def _message(event: StreamEvent) -> ServerSentEventMessage:
    if not event.type:
        return ServerSentEventMessage(data=None, comment="still here", id=event.id)
    return ServerSentEventMessage(data=event.data, event=event.type, id=event.id)
