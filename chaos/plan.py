"""Which faults come in which order: a function of the seed alone. Pure."""

from __future__ import annotations

import random
from collections.abc import Iterator

import msgspec

from chaos.edges import Mode
from chaos.outside import Mood
from chaos.system import EDGES, ORCHESTRATORS, SERVICES, WORKERS
from chassis.crashpoints import CrashPoint
from contracts import streams

NATS, POSTGRES, SINKS = "nats", "postgres", "sinks"
ACK_WAIT_AND_MORE = streams.STAGE_ACK_WAIT_SECONDS + 2
CLOCK_OFFSET_SECONDS = 600.0
PURGED = ("BLOG_STAGES", "BLOG_RESULTS", "BLOG_COMMANDS", "BLOG_EVENTS")
CRASHERS = {
    CrashPoint.AFTER_COMMIT_BEFORE_PUBLISH: (*ORCHESTRATORS, "gateway"),
    CrashPoint.AFTER_PUBLISH_BEFORE_MARK: (*ORCHESTRATORS, "gateway"),
    CrashPoint.AFTER_PAID_CALL_BEFORE_CHECKPOINT: WORKERS,
    CrashPoint.AFTER_COMMIT_BEFORE_ACK: ORCHESTRATORS,
    CrashPoint.AFTER_POST_BEFORE_RECORD: ("notifier",),
}


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """One fault to come."""

    kind: str
    target: str
    seconds: float = 0.0
    detail: str = ""
    coin: bool = False
    """Decides between two ways where a fault has them."""


def faults(seed: int) -> Iterator[Planned]:
    """Yield faults without end: rounds in which every kind comes once, each round in an order of its own."""
    rng = random.Random(seed)
    while True:
        this_round = [*_processes(rng), *_servers(rng), *_network(rng), *_messages(rng)]
        rng.shuffle(this_round)
        yield from this_round


def _processes(rng: random.Random) -> Iterator[Planned]:
    for kind, seconds in (("kill", 0.0), ("pause", 0.0)):
        groups: tuple[tuple[str, ...], ...] = (("gateway",), ORCHESTRATORS, WORKERS, ("notifier",))
        for names in groups:
            target = rng.choice(names)
            length = ACK_WAIT_AND_MORE if names is WORKERS else rng.uniform(4, 8)
            yield Planned(kind=kind, target=target, seconds=length if kind == "pause" else seconds)
    yield Planned(kind="rolling_restart", target="services")
    for point, names in CRASHERS.items():
        yield Planned(kind=f"crash_{point.value}", target=rng.choice(names), detail=point.value)
    offset = rng.choice((-1, 1)) * CLOCK_OFFSET_SECONDS
    yield Planned(kind="clock_jump", target=rng.choice(list(SERVICES)), seconds=8, detail=str(offset))


def _servers(rng: random.Random) -> Iterator[Planned]:
    yield Planned(kind="postgres_restart", target=POSTGRES, seconds=rng.uniform(0.5, 3))
    yield Planned(kind="postgres_storm", target=POSTGRES, seconds=3)
    yield Planned(kind="nats_kill", target=NATS, seconds=rng.uniform(0.5, 3))
    yield Planned(kind="nats_pause", target=NATS, seconds=rng.uniform(4, 8))
    yield Planned(kind="nats_store_deleted", target=NATS, seconds=rng.uniform(0, 2))
    yield Planned(kind="nats_disk_full", target=NATS, seconds=rng.uniform(4, 8))
    durables = [(stream.name, consumer.durable) for stream in streams.ALL for consumer in stream.consumers]
    stream, durable = rng.choice(durables)
    yield Planned(kind="consumer_deleted", target=stream, detail=durable)
    yield Planned(kind="stream_purged", target=rng.choice(PURGED))


def _network(rng: random.Random) -> Iterator[Planned]:
    modes = [mode for mode in Mode if mode is not Mode.PASS]
    rng.shuffle(modes)
    for number, edge in enumerate(rng.sample(EDGES, len(EDGES))):
        mode = modes[number % len(modes)]
        seconds = rng.uniform(5, 10)
        yield Planned(
            kind=mode.value,
            target=edge,
            seconds=seconds,
            detail=str(rng.randrange(2)),
            coin=rng.random() < 0.5,
        )


def _messages(rng: random.Random) -> Iterator[Planned]:
    yield Planned(kind="messages_repeated", target="messages", seconds=5)
    for mood in (Mood.HANG, Mood.ERROR, Mood.RESET, Mood.SLOW):
        yield Planned(kind=f"sink_{mood.value}", target=SINKS, seconds=rng.uniform(4, 8), detail=mood.value)
