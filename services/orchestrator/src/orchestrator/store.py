"""The batch store: locks the rows of a batch of inputs, folds them through the machine, writes all in one transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import msgspec

from chassis import logs
from chassis.broker import Outgoing
from chassis.clock import Clock, SystemClock
from chassis.database import Queries, columns, together, unavailable
from chassis.outbox import Numbered, Outbox
from contracts import codec, dead_letters, streams, subjects
from contracts.articles import ArticleReference
from contracts.commands import SubmitJob
from contracts.ids import JobId
from contracts.payloads import Payload
from contracts.stages import STAGES, StageId
from orchestrator.fold import Folded, Happening, Refused, Verdict, fold, wanted
from orchestrator.job import (
    Admit,
    CommandLost,
    Deferred,
    Emit,
    Job,
    SaveOutput,
    SendStage,
    SetLimit,
    StopStages,
    Transition,
)
from orchestrator.messages import Material, OutputKey, event_message, stage_message
from orchestrator.schedule import Candidate, pick
from orchestrator.unstartable import given_up
from orchestrator.usage import Spending
from orchestrator.versions import Foreign, known, read_job
from orchestrator.writes import of_kind, statements

log = logs.get_logger(__name__)

EARLIER_ARTICLES = 200
"""Of a tenant, at most, that a new article is compared with."""

REMEMBERED_DAYS = 365
"""How long it is known of a deleted job that it was there: a gateway that was away for less does not submit it again."""

_payload: msgspec.json.Decoder[Payload] = msgspec.json.Decoder(Payload)


class Advanced(msgspec.Struct):
    """A committed batch, and what is left to do outside the database."""

    verdicts: list[Verdict]
    messages: list[Numbered]
    """To publish; they are in the outbox until then."""
    stopped: list[JobId]
    """Jobs whose stages are to be stopped at the workers."""
    jobs: dict[JobId, Job]
    """Those that changed."""
    effects: list[tuple[JobId, Any]]


class JobStore:
    """Jobs in Postgres."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock | None = None) -> None:
        """Take the time from ``clock``, by default from Postgres: one clock for all replicas, whatever theirs say."""
        self.pool = pool
        self.outbox = Outbox("jobs", put_aside)
        self._clock = clock
        self._queries = Queries.load("orchestrator")
        self._durations: dict[StageId, float] = {}

    async def advance(self, batch: Sequence[Happening]) -> Advanced:
        """Apply a batch of inputs, of any jobs, in one transaction."""
        async with self.pool.acquire() as connection, connection.transaction():
            return await self._advance(connection, batch)

    async def admit(self, slots: int, per_tenant: int | None = None) -> Advanced:
        """Give free slots to pending jobs. At most ``slots`` jobs run, and ``per_tenant`` of each tenant, whatever other
        replicas do meanwhile."""
        async with self.pool.acquire() as connection, connection.transaction():
            picked = await self.choose(connection, slots, per_tenant)
            return await self._advance(connection, [(job_id, Admit()) for job_id in picked])

    async def admit_singly(self, slots: int, per_tenant: int | None = None) -> list[Advanced]:
        """Do the same one by one: a job that cannot be admitted fails, and the others are."""
        async with self.pool.acquire() as connection, connection.transaction():
            picked = await self.choose(connection, slots, per_tenant)
            rows = {row["job_id"]: dict(row) for row in await self._fetch(connection, "lock_pending", picked)}
            pending = [rows[job_id] for job_id in picked if job_id in rows]
            return [await self._admit_or_give_up(connection, row) for row in pending]

    async def _admit_or_give_up(self, connection: Any, row: Mapping[str, Any]) -> Advanced:
        """Admit a job whose row is locked and pending: if that changes nothing, its record and its row disagree."""
        job_id = JobId(row["job_id"])
        try:
            async with connection.transaction():
                advanced = await self._advance(connection, [(job_id, Admit())])
            verdict = advanced.verdicts[0]
            if isinstance(verdict, Transition | Deferred):
                return advanced
            reason = verdict.reason
        except Exception as error:
            if may_pass(error):
                raise
            log.exception("job_not_startable", job_id=job_id)
            reason = f"{type(error).__name__}: {error}"
        now = await self._now(connection)
        return await self._written(connection, given_up(row, reason, now), now)

    async def choose(self, connection: Any, slots: int, per_tenant: int | None = None) -> Sequence[JobId]:
        """Return the pending jobs that get the free slots; until the transaction ends nobody else chooses."""
        await connection.execute(self._queries["lock_admission"])
        running = {
            row["tenant"]: row["running"] for row in await self._fetch(connection, "running_by_tenant")
        }
        free = slots - sum(running.values())
        if free <= 0:
            return ()
        rows = await self._fetch(connection, "candidates", free, known())
        candidates = [Candidate(JobId(r["job_id"]), r["tenant"], r["priority"], r["queued_at"]) for r in rows]
        return pick(candidates, running, free, await self._now(connection), per_tenant=per_tenant)

    async def due(self) -> list[JobId]:
        """Return running jobs that have something due."""
        rows = await self._fetch(self.pool, "due", await self._now(self.pool), known())
        return [JobId(row["job_id"]) for row in rows]

    async def delete_finished(self, days: float) -> int:
        """Delete jobs that ended more than ``days`` ago, in batches; return how many."""
        now, deleted = await self._now(self.pool), 0
        before = now - timedelta(days=days)
        while count := int((await self.pool.execute(self._queries["delete_finished"], before)).split()[-1]):
            deleted += count
        await self.pool.execute(self._queries["forget_deleted"], now - timedelta(days=days + REMEMBERED_DAYS))
        return deleted

    async def record_durations(self) -> None:
        """Compute how long stages usually take, and use it for the estimates from now on."""
        await self.pool.execute(self._queries["record_durations"], list(StageId))
        rows = await self._fetch(self.pool, "durations")
        ours = frozenset(StageId)  # a later release may have more
        self._durations = {
            StageId(row["stage"]): row["median_seconds"] for row in rows if row["stage"] in ours
        }

    async def counts(self) -> asyncpg.Record:
        """Return ``pending``, ``running`` and ``oldest`` (seconds the oldest running job has run)."""
        return (await self._fetch(self.pool, "counts", await self._now(self.pool)))[0]

    async def in_flight(self, older_than_seconds: float) -> list[tuple[JobId, CommandLost]]:
        """Return the attempts that run for longer than that, as what they are if their command is lost."""
        rows = await self._fetch(self.pool, "in_flight", older_than_seconds, known())
        return [
            (
                JobId(row["job_id"]),
                CommandLost(StageId(row["stage"]), row["run"], row["round"], row["attempt"]),
            )
            for row in rows
        ]

    async def unsent(self, message_ids: Sequence[str]) -> set[str]:
        """Return which messages still wait in the outbox."""
        return {row["msg_id"] for row in await self._fetch(self.pool, "unsent", list(message_ids))}

    async def _now(self, connection: Any) -> datetime:
        if self._clock is not None:
            return self._clock.now()
        now: datetime = await connection.fetchval(self._queries["clock"])
        return now

    async def _fetch(self, connection: Any, name: str, *arguments: Any) -> list[asyncpg.Record]:
        rows: list[asyncpg.Record] = await connection.fetch(self._queries[name], *arguments)
        return rows

    async def _advance(self, connection: Any, batch: Sequence[Happening]) -> Advanced:
        """Three round trips, however many inputs: lock, read what commands take in, write."""
        rows, now = await self._lock(connection, batch)
        folded = fold(rows, batch, now)
        for (job_id, happened), verdict in zip(batch, folded.verdicts, strict=True):
            if isinstance(verdict, Refused):
                log.error(
                    "input_refused", job_id=job_id, input=type(happened).__name__, reason=verdict.reason
                )
        return await self._written(connection, folded, now)

    async def _written(self, connection: Any, folded: Folded, now: datetime) -> Advanced:
        if not folded.jobs:
            return Advanced(folded.verdicts, [], [], {}, [])
        messages = await self._messages(connection, folded, repeat=f"{now.timestamp():.3f}")
        writing = statements(self._queries, folded, self._durations, now)
        if messages:
            writing.append(self.outbox.insertion(messages))
        sql, parameters = together(writing)
        numbers = [row["id"] for row in await connection.fetch(sql, *parameters)]
        numbered = list(zip(numbers, messages, strict=True))
        stopped = [job_id for job_id, _ in of_kind(folded.effects, StopStages)]
        return Advanced(folded.verdicts, numbered, stopped, folded.jobs, folded.effects)

    async def _lock(
        self, connection: Any, batch: Sequence[Happening]
    ) -> tuple[dict[JobId, Job | Foreign], datetime]:
        """Return the rows of a batch's jobs, locked, and the time."""
        new = [job_id for job_id, happened in batch if isinstance(happened, SubmitJob)]
        if new:
            await connection.execute(self._queries["lock_submissions"], new)
        ids = list({job_id for job_id, _ in batch})
        docs, now = (await self._fetch(connection, "lock_jobs", ids))[0]
        jobs = [read_job(doc) for doc in docs]
        return {job.job_id: job for job in jobs}, self._clock.now() if self._clock else now

    async def _messages(self, connection: Any, folded: Folded, repeat: str) -> list[Outgoing]:
        """Return the batch's messages in the order in which they were decided; no command that it made moot."""
        sends = [
            (job_id, send)
            for job_id, send in of_kind(folded.effects, SendStage)
            if wanted(folded.jobs[job_id], send)
        ]
        material = await self._material(connection, folded, sends)
        messages = []
        for job_id, effect in folded.effects:
            if isinstance(effect, Emit):
                messages.append(event_message(effect.event))
            elif isinstance(effect, SendStage) and wanted(folded.jobs[job_id], effect):
                again = repeat if effect.repeated else ""
                messages.append(stage_message(folded.jobs[job_id], effect, material, again))
        return messages

    async def _material(
        self, connection: Any, folded: Folded, sends: Sequence[tuple[JobId, SendStage]]
    ) -> Material:
        """Gather what stage commands take in: from the batch itself, and what it has not from the rows."""
        requests: dict[str, bytes] = {
            job_id: codec.encode(request) for job_id, request in folded.requests.items()
        }
        outputs: dict[OutputKey, Payload] = {
            (job_id, saved.stage.value, saved.round): saved.output
            for job_id, saved in of_kind(folded.effects, SaveOutput)
        }
        reads = {
            (job_id, stage.value, number) for job_id, send in sends for stage, number in send.reads.items()
        }
        limits = {str(job_id): limit.max_cost_usd for job_id, limit in of_kind(folded.effects, SetLimit)}
        spent = {job_id: Spending(max_cost_usd=limit) for job_id, limit in limits.items()}
        asking = list({str(job_id) for job_id, _ in sends} - requests.keys())
        missing = columns(reads - outputs.keys()) or [[], [], []]
        if asking or missing[0]:
            for row in await self._fetch(connection, "material", asking, *missing):
                job_id, stage, number, payload = row
                if stage == "spending":
                    found = codec.decode(payload, Spending)
                    spent[job_id] = msgspec.structs.replace(
                        found, max_cost_usd=limits.get(job_id, found.max_cost_usd)
                    )
                elif stage:
                    outputs[job_id, stage, number] = _payload.decode(payload)
                else:
                    requests[job_id] = payload
        return Material(requests, outputs, await self._earlier(connection, folded.jobs, sends), spent)

    async def _earlier(
        self, connection: Any, jobs: Mapping[JobId, Job], sends: Sequence[tuple[JobId, SendStage]]
    ) -> dict[str, list[ArticleReference]]:
        """Return for each job that compares with them its tenant's articles; a job that runs again is not its own."""
        tenants = {
            job_id: jobs[job_id].tenant
            for job_id, send in sends
            if "earlier_articles" in STAGES[send.stage].input.__struct_fields__
        }
        if not tenants:
            return {}
        latest: defaultdict[str, list[ArticleReference]] = defaultdict(list)
        known = list(set(tenants.values()))
        for row in await self._fetch(connection, "earlier_articles", known, EARLIER_ARTICLES):
            article = dict(row)
            latest[article.pop("tenant")].append(ArticleReference(**article))
        return {
            job_id: [article for article in latest[tenant] if article.job_id != job_id]
            for job_id, tenant in tenants.items()
        }


def may_pass(error: Exception) -> bool:
    """Whether the same batch may be applied later: the database is away, busy or stopping, or lacks a migration."""
    refused = isinstance(error, asyncpg.DataError | asyncpg.IntegrityConstraintViolationError)
    return unavailable(error) or (isinstance(error, asyncpg.PostgresError) and not refused)


def put_aside(message: Outgoing, limit: int) -> Outgoing:
    """Return the report on a message that is too large for the server."""
    stream = streams.stream_of(message.subject).name
    letter = dead_letters.too_large(message, stream, limit, "orchestrator", SystemClock().now())
    return Outgoing(subjects.dead_letter(letter), codec.encode(letter), letter.message_id)
