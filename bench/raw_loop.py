"""The raw loop that stores what the orchestrator stores: the same streams, workers, messages, SQL and rows.

It pulls results in batches and writes each batch with one statement and one commit, publishes what follows, takes it
out of the outbox and acknowledges. What it leaves out is all that the orchestrator decides, locks, reads and checks:
stages run one after another, and every result is taken for the one that was awaited.
"""

from __future__ import annotations

import asyncio
import time
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import msgspec
from nats.aio.client import Client
from nats.aio.msg import Msg

from chassis.broker import Outgoing, Publisher
from chassis.clock import SystemClock
from chassis.database import Queries, columns, together
from chassis.outbox import Outbox
from chassis.pull import pull
from contracts import codec, streams, subjects
from contracts.commands import RunStage
from contracts.events import Event, StageCompleted, StageStarted, event_type
from contracts.ids import DEFAULT_TENANT, JobId, new_job_id
from contracts.jobs import ArticleRequest
from contracts.payloads import Inline
from contracts.results import StageResult
from contracts.stages import TOTAL_STAGES, StageId
from orchestrator.messages import event_message

TEMPLATE = "SELECT * FROM jobs.jobs WHERE state = 'completed' ORDER BY created_at DESC LIMIT 1"
START = """
INSERT INTO jobs.jobs SELECT (jsonb_populate_record(j, jsonb_build_object('job_id', id, 'state', 'running'))).*
FROM unnest($1::uuid[]) AS id, jobs.jobs AS j WHERE j.job_id = $2
"""
"""Copies of a job that the product has brought to its end: rows as long as its own."""
UPDATED = (
    "state", "queued_at", "started_at", "finished_at", "deadline_at", "wake_at", "eta_at", "run", "round", "seq",
    "current_stage", "stages_completed", "progress_percent", "quality_score", "error", "error_code", "error_stage",
    "doc",
)  # fmt: skip
RUNNING = {"state": "running", "finished_at": None, "current_stage": "stage_03"}
"""How those copies differ: they are on their way."""
HOUR = timedelta(hours=1)
STAGE_NAMES = list(StageId)
OUTPUT = b'{"kind":"inline","value":{}}'
Row = tuple[Any, ...]


class RawLoop:
    """The side that owns the rows; its publisher sends single messages, or atomic batches as the product does."""

    def __init__(
        self, pool: asyncpg.Pool, client: Client, batch: int, request: ArticleRequest, way: str
    ) -> None:
        self._pool = pool
        self._js = client.jetstream()
        self._publisher = Publisher(self._js, streams.ALL if way == "atomic" else ())
        self._outbox = Outbox("jobs")
        self._clock = SystemClock()
        self._queries = Queries.load("orchestrator")
        self._batch = batch
        self._request = Inline(msgspec.Raw(codec.encode(request)))
        self._row: Row = ()
        self._left: list[JobId] = []
        self._missing = 0
        self._over = asyncio.Event()

    async def run(self, jobs: int, concurrent: int) -> float:
        """Bring so many jobs through all stages; return the seconds it took. Needs one finished job in the table."""
        ids = [new_job_id() for _ in range(jobs)]
        template = dict((await self._pool.fetch(TEMPLATE))[0])
        self._row = tuple(
            {**template, **RUNNING, "wake_at": self._clock.now() + HOUR}[name] for name in UPDATED
        )
        await self._pool.execute(START, ids, template["job_id"])
        self._left, self._missing = ids[concurrent:], jobs
        self._over.clear()
        start = time.perf_counter()
        durable = streams.RESULTS.consumers[0].durable
        pulling = asyncio.create_task(
            pull(self._js, streams.RESULTS.name, durable, lambda: self._batch, self._handle)
        )
        await self._write([], ids[:concurrent])
        await self._over.wait()
        seconds = time.perf_counter() - start
        pulling.cancel()
        await asyncio.gather(pulling, return_exceptions=True)
        await self._pool.execute("DELETE FROM jobs.jobs WHERE job_id = ANY($1::uuid[])", ids)
        return seconds

    async def _handle(self, messages: list[Msg]) -> None:
        results = [codec.decode(message.data, StageResult) for message in messages]
        ended = sum(_position(result) == TOTAL_STAGES for result in results)
        fresh, self._left = self._left[:ended], self._left[ended:]
        await self._write(results, fresh)
        for message in messages:
            await message.ack()
        self._missing -= ended
        if self._missing <= 0:
            self._over.set()

    async def _write(self, results: list[StageResult], fresh: list[JobId]) -> None:
        now = self._clock.now()
        following = [(r.job_id, _position(r)) for r in results if _position(r) < TOTAL_STAGES]
        started = [*following, *((job_id, 0) for job_id in fresh)]
        events: list[Event] = [
            *(_completed(r, now) for r in results),
            *(_started(job_id, at, now) for job_id, at in started),
        ]
        messages = [
            *(event_message(event) for event in events),
            *(self._command(job_id, position, now) for job_id, position in started),
        ]
        rows = {
            "update_jobs": [(job_id, *self._row) for job_id in {result.job_id for result in results}],
            "open_attempts": [_opened(job_id, position, now) for job_id, position in started],
            "close_attempts": [_closed(result, now) for result in results],
            "save_outputs": [(result.job_id, result.stage, 1, OUTPUT) for result in results],
            "append_events": [_event(event, now) for event in events],
        }
        writing = [(self._queries[name], columns(of_kind)) for name, of_kind in rows.items() if of_kind]
        sql, parameters = together([*writing, self._outbox.insertion(messages)])
        numbers = [row["id"] for row in await self._pool.fetch(sql, *parameters)]
        numbered = list(zip(numbers, messages, strict=True))
        if await self._outbox.send(self._pool, self._publisher, numbered) != len(messages):
            raise RuntimeError("messages were not confirmed")

    def _command(self, job_id: JobId, position: int, now: datetime) -> Outgoing:
        stage = STAGE_NAMES[position]
        command = RunStage(
            job_id=job_id,
            tenant=DEFAULT_TENANT,
            stage=stage,
            run=1,
            round=1,
            attempt=1,
            timeout_seconds=600.0,
            deadline_at=now,
            pipeline_version=1,
            inputs={"request": self._request},
        )
        return Outgoing(subjects.stage(stage, job_id), codec.encode(command), f"{job_id}/{stage}/1/1/1")


def _opened(job_id: JobId, position: int, now: datetime) -> Row:
    return (job_id, STAGE_NAMES[position], 1, 1, 1, now, "running", None, None, None, None)


def _closed(result: StageResult, now: datetime) -> Row:
    return (result.job_id, result.stage, 1, 1, 1, "done", now, "bench", None, None)


def _event(event: Event, now: datetime) -> Row:
    return (event.job_id, event.seq, event_type(event), now, msgspec.json.encode(event).decode())


def _position(result: StageResult) -> int:
    """Return how many stages are done with this one."""
    return STAGE_NAMES.index(result.stage) + 1


def _started(job_id: JobId, position: int, now: datetime) -> StageStarted:
    stage = STAGE_NAMES[position]
    return StageStarted(
        job_id=job_id,
        seq=2 * position + 1,
        at=now,
        tenant=DEFAULT_TENANT,
        stage=stage,
        name=stage.name.lower(),
        round=1,
        attempt=1,
    )


def _completed(result: StageResult, now: datetime) -> StageCompleted:
    done = _position(result)
    return StageCompleted(
        job_id=result.job_id,
        seq=2 * done,
        at=now,
        tenant=DEFAULT_TENANT,
        stage=result.stage,
        name=result.stage.name.lower(),
        round=1,
        attempt=1,
        duration_seconds=(result.finished_at - result.started_at).total_seconds(),
        stages_completed=done,
        progress_percent=100 * done // TOTAL_STAGES,
    )
