"""Everything the checker judges by, as data: the files written outside and the rows in Postgres, nothing else."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from chaos.records import (
    Accepted,
    Answer,
    Call,
    Copied,
    Exited,
    Fault,
    Readiness,
    Receipt,
    Sample,
    Steered,
    Touched,
    read,
)
from contracts import streams
from contracts.jobs import TERMINAL_STATES
from orchestrator.orphans import find_orphans

TERMINAL = {state.value for state in TERMINAL_STATES}


class JobFact(msgspec.Struct, frozen=True, kw_only=True):
    """One row of jobs.jobs."""

    job_id: str
    state: str
    run: int
    seq: int
    callback: bool


class EventFact(msgspec.Struct, frozen=True, kw_only=True):
    """One row of jobs.events."""

    job_id: str
    seq: int
    type: str
    at: float
    body: dict[str, Any]


class AttemptFact(msgspec.Struct, frozen=True, kw_only=True):
    """One row of jobs.stage_runs."""

    job_id: str
    stage: str
    run: int
    round: int
    attempt: int
    status: str


class OutputFact(msgspec.Struct, frozen=True, kw_only=True):
    """One row of jobs.stage_outputs."""

    job_id: str
    stage: str
    round: int


class DeliveryFact(msgspec.Struct, frozen=True, kw_only=True):
    """One row of notifier.deliveries."""

    job_id: str
    seq: int
    status: str
    attempts: int
    reason: str | None = None
    """Of the latest attempt."""


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What one run left behind."""

    cap: int = 0
    faults_ended: float = 0.0
    accepted: list[Accepted] = []
    unanswered: int = 0
    """Submissions that never got an answer."""
    steered: list[Steered] = []
    answers: list[Answer] = []
    receipts: list[Receipt] = []
    calls: list[Call] = []
    copies: list[Copied] = []
    touched: list[Touched] = []
    faults: list[Fault] = []
    exits: list[Exited] = []
    readiness: list[Readiness] = []
    samples: list[Sample] = []
    jobs: list[JobFact] = []
    events: list[EventFact] = []
    attempts: list[AttemptFact] = []
    outputs: list[OutputFact] = []
    deliveries: list[DeliveryFact] = []
    leftovers: dict[str, int] = {}
    """What should be nothing at the end, by name."""


def by_job(events: Iterable[EventFact]) -> dict[str, list[EventFact]]:
    """Return each job's events in their order."""
    found: defaultdict[str, list[EventFact]] = defaultdict(list)
    for event in sorted(events, key=lambda event: (event.job_id, event.seq)):
        found[event.job_id].append(event)
    return found


def written(folder: Path) -> dict[str, Any]:
    """Return what was written outside, by the names of the evidence's fields."""
    return {
        "accepted": read(folder, Accepted),
        "steered": read(folder, Steered),
        "answers": read(folder, Answer),
        "receipts": read(folder, Receipt),
        "calls": read(folder, Call),
        "copies": read(folder, Copied),
        "touched": read(folder, Touched),
        "faults": read(folder, Fault),
        "exits": read(folder, Exited),
        "readiness": read(folder, Readiness),
        "samples": read(folder, Sample),
    }


_ROWS: dict[str, tuple[type[Any], str]] = {
    "jobs": (
        JobFact,
        "SELECT job_id::text, state, run, seq, callback_url IS NOT NULL AS callback FROM jobs.jobs",
    ),
    "events": (
        EventFact,
        "SELECT job_id::text, seq, type, extract(epoch FROM at)::float8 AS at, body::text FROM jobs.events",
    ),
    "attempts": (
        AttemptFact,
        "SELECT job_id::text, stage, run, round, attempt, status FROM jobs.stage_runs",
    ),
    "outputs": (OutputFact, "SELECT job_id::text, stage, round FROM jobs.stage_outputs"),
    "deliveries": (
        DeliveryFact,
        "SELECT job_id::text, seq, status, attempts, last_reason AS reason FROM notifier.deliveries",
    ),
}


async def unfinished(connection: asyncpg.Connection) -> int:
    """Return how many jobs were accepted and have not ended."""
    count: int = await connection.fetchval(
        "SELECT count(*) FROM gateway.submissions LEFT JOIN jobs.jobs USING (job_id) WHERE finished_at IS NULL"
    )
    return count


async def rows(pool: asyncpg.Pool) -> dict[str, Any]:
    """Return what Postgres holds at one moment, by the names of the evidence's fields."""
    async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read"):
        return await _rows(connection)


async def _rows(connection: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, (kind, statement) in _ROWS.items():
        records = [dict(row) for row in await connection.fetch(statement)]
        for record in records if kind is EventFact else ():
            record["body"] = msgspec.json.decode(record["body"])
        found[name] = [kind(**record) for record in records]
    return found


_LEFTOVERS = """
SELECT
    (SELECT count(*) FROM jobs.jobs WHERE state IN ('pending', 'running')) AS "unfinished jobs",
    (SELECT count(*) FROM jobs.outbox) AS "messages in jobs.outbox",
    (SELECT count(*) FROM gateway.outbox) AS "messages in gateway.outbox",
    (SELECT count(*) FROM gateway.submissions AS s
        WHERE NOT EXISTS (SELECT FROM jobs.jobs AS j WHERE j.job_id = s.job_id)) AS "submissions without a job",
    (SELECT count(*) FROM jobs.dead_letters) AS "dead letters",
    (SELECT count(*) FROM notifier.deliveries WHERE status = 'pending') AS "pending webhooks",
    (SELECT count(*) FROM jobs.events AS e JOIN jobs.jobs AS j USING (job_id)
        WHERE e.type IN ('completed', 'failed', 'cancelled') AND j.callback_url IS NOT NULL AND NOT EXISTS
            (SELECT FROM notifier.deliveries AS d WHERE d.job_id = e.job_id AND d.seq = e.seq))
        AS "events without a webhook"
"""
WORK_QUEUES = (streams.COMMANDS, streams.STAGES, streams.RESULTS, streams.DEAD_LETTERS)


async def leftovers(pool: asyncpg.Pool, js: JetStreamContext) -> dict[str, int]:
    """Return what is still to be done, by name."""
    row = await pool.fetchrow(_LEFTOVERS)
    assert row is not None
    found = {name: int(count) for name, count in row.items()}
    for stream in WORK_QUEUES:
        found[f"messages in {stream.name}"] = await _messages(js, stream.name)
    found["orphans"] = len(await find_orphans(pool, js))
    return found


async def _messages(js: JetStreamContext, stream: str) -> int:
    """Return how many messages a stream holds; one that is not there will be made again with what it should hold."""
    try:
        return (await js.stream_info(stream)).state.messages
    except NotFoundError:
        return -1


def save(folder: Path, evidence: Evidence) -> None:
    """Keep the evidence beside the logs, for another look."""
    (folder / "evidence.json").write_bytes(msgspec.json.encode(evidence))


def load(folder: Path) -> Evidence:
    """Return the evidence of an earlier run."""
    return msgspec.json.decode((folder / "evidence.json").read_bytes(), type=Evidence)


async def quiet(pool: asyncpg.Pool, js: JetStreamContext, seconds: float) -> tuple[dict[str, int], float]:
    """Wait until nothing is left to do, at most so long; return what is left, and how long it took."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    left: dict[str, int] = {}
    while loop.time() - started < seconds:
        left = await leftovers(pool, js)
        if not any(left.values()):
            break
        await asyncio.sleep(0.5)
    return left, loop.time() - started
