"""The smallest loop: publish, pull, UPDATE and INSERT, publish; what any durable pipeline on these servers has to do.

One step is a command to a worker (a process of its own, ``python -m bench.smallest_loop <batch> <way>``), its result back,
one statement that moves the job and records the step, and the next command. There is nothing else: no checks, no
events, no retries. Both messages are acknowledged by the stream. The way of publishing is ``single`` (concurrently,
one message at a time) or ``atomic`` (in atomic batches, as the product does).
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
import uuid
from collections.abc import Sequence

import asyncpg
import msgspec
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext

from chassis.broker import Outgoing, Publisher, connect, ensure_stream
from chassis.pull import pull
from contracts.stages import TOTAL_STAGES
from contracts.streams import Consumer, Stream

SCHEMA = """
CREATE SCHEMA raw;
CREATE TABLE raw.jobs (id uuid PRIMARY KEY, step int NOT NULL, at timestamptz NOT NULL DEFAULT now());
CREATE TABLE raw.steps (id uuid, step int, at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (id, step));
"""
MOVE = """
WITH new AS (SELECT * FROM unnest($1::uuid[], $2::int[]) AS n (id, step)),
    moved AS (UPDATE raw.jobs AS j SET step = new.step, at = now() FROM new WHERE j.id = new.id)
INSERT INTO raw.steps (id, step) SELECT id, step FROM new
"""


def _stream(name: str) -> Stream:
    subject = f"raw.{name.lower()}"
    consumer = Consumer(durable="raw", filters=(subject,), ack_wait_seconds=30)
    return Stream(
        name=f"RAW_{name}",
        subjects=(subject,),
        retention="workqueue",
        max_age_seconds=0,
        consumers=(consumer,),
    )


COMMANDS, RESULTS = _stream("COMMANDS"), _stream("RESULTS")


class Step(msgspec.Struct):
    """What travels, both ways."""

    job: str
    step: int


async def prepare(pool: asyncpg.Pool, client: Client) -> None:
    """Make the tables and streams."""
    await pool.execute(SCHEMA)
    for stream in (COMMANDS, RESULTS):
        await ensure_stream(client.jetstream(), stream)


class SmallestLoop:
    """The side that owns the rows."""

    def __init__(self, pool: asyncpg.Pool, client: Client, batch: int, way: str) -> None:
        self._pool = pool
        self._js = client.jetstream()
        self._publisher = publisher(self._js, way)
        self._batch = batch
        self._left: list[str] = []
        self._missing = 0
        self._over = asyncio.Event()

    async def run(self, jobs: int, concurrent: int) -> float:
        """Bring so many jobs through all steps; return the seconds it took."""
        ids = [str(uuid.uuid4()) for _ in range(jobs)]
        await self._pool.execute(
            "INSERT INTO raw.jobs (id, step) SELECT id, 0 FROM unnest($1::uuid[]) AS id", ids
        )
        self._left, self._missing = ids[concurrent:], jobs
        self._over.clear()
        start = time.perf_counter()
        pulling = asyncio.create_task(pull(self._js, RESULTS.name, "raw", lambda: self._batch, self._handle))
        await self._command([Step(job, 1) for job in ids[:concurrent]])
        await self._over.wait()
        seconds = time.perf_counter() - start
        pulling.cancel()
        await asyncio.gather(pulling, return_exceptions=True)
        return seconds

    async def _command(self, steps: Sequence[Step]) -> None:
        await _publish(self._publisher, COMMANDS.subjects[0], steps)

    async def _handle(self, messages: list[Msg]) -> None:
        steps = [msgspec.json.decode(message.data, type=Step) for message in messages]
        await self._pool.execute(MOVE, [step.job for step in steps], [step.step for step in steps])
        following = [Step(step.job, step.step + 1) for step in steps if step.step < TOTAL_STAGES]
        ended = len(steps) - len(following)
        fresh, self._left = self._left[:ended], self._left[ended:]
        await self._command(following + [Step(job, 1) for job in fresh])
        for message in messages:
            await message.ack()
        self._missing -= ended
        if self._missing == 0:
            self._over.set()


def publisher(js: JetStreamContext, way: str) -> Publisher:
    """Return what publishes in one of the two ways."""
    return Publisher(js, (COMMANDS, RESULTS) if way == "atomic" else ())


async def _publish(publisher: Publisher, subject: str, steps: Sequence[Step]) -> None:
    messages = [
        Outgoing(subject, msgspec.json.encode(step), f"{subject}/{step.job}/{step.step}") for step in steps
    ]
    if len(await publisher.publish_all(messages)) != len(messages):
        raise RuntimeError("messages were not confirmed")


async def main(batch: int, way: str) -> None:
    """Answer commands with results until the process is ended."""
    client = await connect(os.environ["NATS_URL"], "bench-raw")
    js = client.jetstream()
    answers = publisher(js, way)

    async def handle(messages: list[Msg]) -> None:
        steps = [msgspec.json.decode(message.data, type=Step) for message in messages]
        await _publish(answers, RESULTS.subjects[0], steps)
        for message in messages:
            await message.ack()

    await pull(js, COMMANDS.name, "raw", lambda: batch, handle)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
