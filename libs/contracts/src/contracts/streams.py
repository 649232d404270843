"""JetStream streams, consumers and buckets, as data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from contracts import subjects
from contracts.events import STEP_EVENTS, TERMINAL_EVENTS
from contracts.payloads import MESSAGE_LIMIT
from contracts.stages import StageId

DAY = 24 * 3600.0


class Consumer(msgspec.Struct, frozen=True, kw_only=True):
    """A durable pull consumer with explicit acks. Redelivery has no limit: the row counts attempts."""

    durable: str
    filters: tuple[str, ...]
    ack_wait_seconds: float
    max_deliver: int = -1
    max_ack_pending: int = 1000


class Stream(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    subjects: tuple[str, ...]
    retention: Literal["workqueue", "limits"]
    max_age_seconds: float
    """0 keeps messages until they are acked."""
    duplicate_window_seconds: float = 600.0
    discard: Literal["new", "old"] = "new"
    max_msg_size: int = MESSAGE_LIMIT
    consumers: tuple[Consumer, ...] = ()


def stage_durable(stage: StageId) -> str:
    """Return the name of the durable that hands out one stage's commands."""
    return f"worker_{stage}"


ACK_WAIT_SECONDS = 15.0
"""After which a message that a dead orchestrator or notifier took comes again."""
STAGE_ACK_WAIT_SECONDS = 15.0
"""A worker that says nothing for this long is dead, and the stage goes to another."""
STAGE_HEARTBEAT_SECONDS = 5.0
"""How often a worker says that a stage still runs."""
STAGE_MAX_DELIVERIES = 5
"""Deliveries of one command after which the worker reports ``worker_lost`` instead of running it again."""

COMMANDS = Stream(
    name="BLOG_COMMANDS",
    subjects=(subjects.COMMANDS,),
    retention="workqueue",
    max_age_seconds=0,
    consumers=(
        Consumer(durable="orchestrator", filters=(subjects.COMMANDS,), ack_wait_seconds=ACK_WAIT_SECONDS),
    ),
)
STAGES = Stream(
    name="BLOG_STAGES",
    subjects=(subjects.STAGES,),
    retention="workqueue",
    max_age_seconds=0,
    consumers=tuple(
        Consumer(
            durable=stage_durable(stage),
            filters=(subjects.stage_filter(stage),),
            ack_wait_seconds=STAGE_ACK_WAIT_SECONDS,
        )
        for stage in StageId
    ),
)
RESULTS = Stream(
    name="BLOG_RESULTS",
    subjects=(subjects.RESULTS,),
    retention="workqueue",
    max_age_seconds=0,
    consumers=(
        Consumer(durable="orchestrator", filters=(subjects.RESULTS,), ack_wait_seconds=ACK_WAIT_SECONDS),
    ),
)
EVENTS = Stream(
    name="BLOG_EVENTS",
    subjects=(subjects.EVENTS,),
    retention="limits",
    max_age_seconds=7 * DAY,
    discard="old",
    consumers=(
        Consumer(
            durable="notifier",
            filters=tuple(subjects.event_filter(name) for name in TERMINAL_EVENTS),
            ack_wait_seconds=ACK_WAIT_SECONDS,
        ),
        Consumer(  # its own: few jobs want these, and no end waits behind them
            durable="notifier_steps",
            filters=tuple(subjects.event_filter(name) for name in STEP_EVENTS),
            ack_wait_seconds=ACK_WAIT_SECONDS,
        ),
    ),
)
DEAD_LETTERS = Stream(
    name="BLOG_DEAD_LETTERS",
    subjects=(subjects.DEAD_LETTERS,),
    retention="workqueue",
    max_age_seconds=0,
    consumers=(
        Consumer(durable="orchestrator", filters=(subjects.DEAD_LETTERS,), ack_wait_seconds=ACK_WAIT_SECONDS),
    ),
)
COPYING = Consumer(durable="tenants", filters=(subjects.EVENTS,), ack_wait_seconds=ACK_WAIT_SECONDS)
"""Of the event stream, where tenants read from NATS: what they may read is copied to subjects with their names."""


def tenant_events(tenants: Sequence[str]) -> Stream:
    """Return the stream of events that tenants read, with one durable for each, named like the tenant."""
    return Stream(
        name="BLOG_TENANT_EVENTS",
        subjects=(subjects.TENANT_EVENTS,),
        retention="limits",
        max_age_seconds=EVENTS.max_age_seconds,
        discard="old",
        consumers=tuple(
            Consumer(durable=tenant, filters=(subjects.tenant_filter(tenant),), ack_wait_seconds=30)
            for tenant in tenants
        ),
    )


ALL = (COMMANDS, STAGES, RESULTS, EVENTS, DEAD_LETTERS)


def stream_of(subject: str) -> Stream:
    """Return the stream that stores a subject. Raises StopIteration when none does."""
    return next(stream for stream in ALL if any(_begins(subject, one) for one in stream.subjects))


def _begins(subject: str, pattern: str) -> bool:
    return subject.startswith(pattern.split("*", 1)[0])


CHECKPOINTS_BUCKET = "blog_checkpoints"
"""JetStream key-value bucket of paid calls, keyed by job, stage, round and call."""
CHECKPOINTS_TTL_SECONDS = 7 * DAY
