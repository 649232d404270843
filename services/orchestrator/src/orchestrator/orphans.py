"""The reconciler: what the rows say is in flight must be in a stream, or it is sent again.

No guess by time is made: an attempt is an orphan only when its command is in no stream and no outbox, and no result of
it waits either. The checks run in the order in which an attempt moves (command, then result), so that one that moves
on meanwhile is not taken for lost; and should it be, the machine sees that the attempt is over.
"""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from chassis import logs
from chassis.broker import ensure_stream
from contracts import streams, subjects
from contracts.ids import JobId
from orchestrator import metrics
from orchestrator.advancing import Advancer
from orchestrator.job import CommandLost
from orchestrator.messages import command_id
from orchestrator.store import JobStore
from orchestrator.upkeep import Watch

log = logs.get_logger(__name__)

GRACE_SECONDS = 15.0
"""Age from which an attempt's command must be in the stream: time for a publish and the relay after it."""

Orphan = tuple[JobId, CommandLost]


async def find_orphans(pool: asyncpg.Pool, js: JetStreamContext) -> list[Orphan]:
    """Return the started stages that are in no stream."""
    return await _orphans(JobStore(pool), js)


async def reconcile(advancer: Advancer, js: JetStreamContext, watch: Watch) -> None:
    """Make missing streams again, mend consumers, and send again what was lost with them."""
    await _restore_streams(js, watch)
    orphans = await _orphans(advancer.store, js)
    metrics.ORPHANS.set(len(orphans))
    for job_id, lost in orphans:
        log.warning("command_lost", job_id=job_id, stage=lost.stage.field, attempt=lost.attempt)
    await advancer.apply(list(orphans))


async def _restore_streams(js: JetStreamContext, watch: Watch) -> None:
    for stream in streams.ALL:
        try:
            mended = await watch.mend(stream.name, stream.consumers)
        except NotFoundError:
            log.warning("stream_restored", stream=stream.name)
            await ensure_stream(js, stream)
            mended = {consumer.durable: "gone" for consumer in stream.consumers}
        for durable, reason in mended.items():
            metrics.CONSUMERS_MENDED.labels(stream.name, durable, reason).inc()


async def _orphans(store: JobStore, js: JetStreamContext) -> list[Orphan]:
    expected = await store.in_flight(GRACE_SECONDS)
    if not expected:
        return []
    unsent = await store.unsent([command_id(*attempt) for attempt in expected])
    return [
        attempt
        for attempt in expected
        if command_id(*attempt) not in unsent and not await _in_stream(js, *attempt)
    ]


async def _in_stream(js: JetStreamContext, job_id: JobId, attempt: CommandLost) -> bool:
    if await _holds(
        js, streams.STAGES.name, subjects.stage(attempt.stage, job_id), [command_id(job_id, attempt)]
    ):
        return True
    return await _holds(js, streams.RESULTS.name, subjects.result(job_id, attempt.stage), [""])


async def _holds(js: JetStreamContext, stream: str, subject: str, prefixes: Sequence[str]) -> bool:
    """Whether a stream holds a message of this subject whose id begins with one of the prefixes."""
    try:
        message = await js.get_last_msg(stream, subject)
    except NotFoundError:
        return False
    number = (message.headers or {}).get("Nats-Msg-Id", "")
    return any(number.startswith(prefix) for prefix in prefixes)
