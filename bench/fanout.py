"""From the commit of an event to its arrival at clients that stream it, against a raw publish and subscribers."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from nats.aio.msg import Msg

from bench.measure import Line, Measured, latencies, side_by_side
from bench.processes import Servers, http_server, servers
from bench.status import PENDING_JOBS
from chassis.broker import Publisher
from chassis.clock import SystemClock
from contracts import codec
from contracts.events import StageStarted, event_type
from contracts.ids import DEFAULT_TENANT, JobId
from contracts.stages import StageId
from orchestrator.messages import event_message

CLIENTS = 200
MANY_CLIENTS = 1000
EVENTS = 20
"""In each turn and way of following."""
ARRIVE_SECONDS = 30.0
INSERT = """
WITH seq AS (UPDATE jobs.jobs SET seq = $2 WHERE job_id = $1)
INSERT INTO jobs.events (job_id, seq, type, at, body) VALUES ($1, $2, $3, $4, $5)
"""


class Arrivals:
    """When an event was sent, and when it came to whom."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.last: list[float] = []
        """Of each event, when it had come to all."""
        self._sent = 0.0
        self._missing = 0
        self._all = asyncio.Event()

    def sent(self, receivers: int) -> None:
        """Note that an event goes out now."""
        self._sent, self._missing = time.perf_counter(), receivers
        self._all.clear()

    def came(self) -> None:
        """Note that it came to one."""
        self.seconds.append(time.perf_counter() - self._sent)
        self._missing -= 1
        if self._missing == 0:
            self.last.append(self.seconds[-1])
            self._all.set()

    async def complete(self) -> None:
        """Wait until it came to all."""
        async with asyncio.timeout(ARRIVE_SECONDS):
            await self._all.wait()


class OurEvents:
    """Commits events as the orchestrator does, and streams them from the gateway as clients do."""

    def __init__(self, s: Servers, port: int) -> None:
        self._servers = s
        self._port = port
        self._publisher = Publisher(s.client.jetstream())
        self._seq = 0
        self.arrivals = Arrivals()

    @asynccontextmanager
    async def followed(self, jobs: Sequence[str]) -> AsyncIterator[None]:
        """Connect a client for each of the jobs, which may be the same one again."""
        self.arrivals = Arrivals()
        opened = await asyncio.gather(*map(self._open, jobs))
        tasks = [asyncio.create_task(self._read(reader)) for reader, _ in opened]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for _, writer in opened:
                writer.close()

    async def _open(self, job: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect past the history that is there already."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        head = f"GET /jobs/{job}/events?after={self._seq} HTTP/1.1\r\nHost: bench\r\nAccept: text/event-stream\r\n\r\n"
        writer.write(head.encode())
        answer = await reader.readuntil(b"\r\n\r\n")
        if not answer.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(answer.decode())
        return reader, writer

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while line := await reader.readline():
            if line.startswith(b"data:"):
                self.arrivals.came()

    async def emit(self, job: str, receivers: int) -> None:
        """Commit one event, publish it, and wait until all have it."""
        self._seq += 1
        event = StageStarted(
            job_id=JobId(job),
            seq=self._seq,
            at=SystemClock().now(),
            tenant=DEFAULT_TENANT,
            stage=StageId.DRAFT,
            name=StageId.DRAFT.field,
            round=1,
            attempt=1,
        )
        body = codec.encode(event).decode()
        await self._servers.pool.execute(INSERT, job, self._seq, event_type(event), event.at, body)
        self.arrivals.sent(receivers)
        await self._publisher.publish_all([event_message(event)])
        await self.arrivals.complete()


async def _raw(s: Servers, receivers: int) -> Arrivals:
    """Return the arrivals of events on one subject of plain NATS."""
    arrivals = Arrivals()
    subject = f"bench.{uuid.uuid4().hex}"

    async def on_message(_message: Msg) -> None:
        arrivals.came()

    subscriptions = [await s.client.subscribe(subject, cb=on_message) for _ in range(receivers)]
    await s.client.flush()
    for _ in range(EVENTS):
        arrivals.sent(receivers)
        await s.client.publish(subject, b"x" * 300)
        await arrivals.complete()
    for subscription in subscriptions:
        await subscription.unsubscribe()
    return arrivals


async def measure(rounds: int) -> list[Line]:
    """Return the row with a moderate number of clients: when an event came to each."""
    return await _measure("events", CLIENTS, lambda arrivals: arrivals.seconds, rounds)


async def measure_many(rounds: int) -> list[Line]:
    """Return the row with many clients: when an event had come to the last one."""
    return await _measure("fan-out", MANY_CLIENTS, lambda arrivals: arrivals.last, rounds)


async def _measure(
    row: str, clients: int, times: Callable[[Arrivals], list[float]], rounds: int
) -> list[Line]:
    async with servers() as s:
        await s.pool.execute(PENDING_JOBS, clients, 1)
        await s.pool.execute("UPDATE jobs.jobs SET state = 'running', started_at = now()")
        jobs = [row["id"] for row in await s.pool.fetch("SELECT job_id::text AS id FROM jobs.jobs")]
        async with http_server(s, "gateway") as port:
            events = OurEvents(s, port)

            async def ours() -> Measured:
                async with events.followed(jobs):
                    for job in jobs[:EVENTS]:
                        await events.emit(job, 1)
                own = latencies(times(events.arrivals), "own job")
                async with events.followed([jobs[0]] * clients):
                    for _ in range(EVENTS):
                        await events.emit(jobs[0], clients)
                return {**own, **latencies(times(events.arrivals), "one job for all")}

            async def raw() -> Measured:
                own = latencies(times(await _raw(s, 1)), "own job")
                return {**own, **latencies(times(await _raw(s, clients)), "one job for all")}

            return await side_by_side(row, ours, {"raw NATS publish": raw}, rounds)
