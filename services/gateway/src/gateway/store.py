"""The gateway's rows: what it accepted, and what it reads of others through the views."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import datetime, timedelta
from typing import Any, Concatenate, ParamSpec, TypeVar

import asyncpg
import msgspec

from chassis import logs
from chassis.broker import Outgoing
from chassis.clock import SystemClock
from chassis.database import Queries, columns, within
from chassis.grouping import Grouped
from chassis.outbox import Numbered, Outbox
from contracts import codec, dead_letters, streams, subjects
from contracts.commands import CancelJob, RetryJob, SubmitJob
from contracts.jobs import JobState
from contracts.views import DeliveryAttemptRow, DeliveryRow, JobRow
from gateway.errors import key_reused
from gateway.presenters import submitted_row

log = logs.get_logger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

PATIENCE_SECONDS = 2.0
"""After which a request is answered 503 rather than kept waiting."""
COMMAND_SECONDS = 1.5
"""After which one command shows that the link is dead: before the request as a whole is given up."""
LOST_AFTER_SECONDS = 30.0
"""Age from which a submission that the orchestrator does not have is sent again."""


LARGEST_READ = 256
"""Jobs or cursors read by one statement, at most."""
PAGE = 200
"""Events that a follower is given at once, at most."""

Cursor = tuple[str, str, int]
"""Tenant, job, and the number after which events are wanted."""


class Claim(msgspec.Struct, frozen=True):
    """An idempotency key and what it stands for."""

    key: str
    request_sha256: str
    answer: bytes


def _in_time(
    method: Callable[Concatenate[Store, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[Store, P], Coroutine[Any, Any, T]]:
    """Let a method raise TimeoutError rather than keep a client waiting, however many commands it takes."""

    @functools.wraps(method)
    async def in_time(store: Store, /, *arguments: P.args, **options: P.kwargs) -> T:
        return await within(PATIENCE_SECONDS, method(store, *arguments, **options))

    return in_time


class Submission(msgspec.Struct, frozen=True):
    """Jobs that are accepted together or not at all."""

    tenant: str
    jobs: tuple[SubmitJob, ...]
    claim: Claim | None


Outcome = bytes | Exception | None
"""None: accepted. Else the answer that the key was given before, or what to raise."""


class Store:
    """Rows of schema ``gateway`` and of the views."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool
        self.outbox = Outbox("gateway", put_aside)
        self._queries = Queries.load("gateway")
        self._jobs = Grouped(self._named_jobs, LARGEST_READ)
        self._followers = Grouped(self._next_events, LARGEST_READ)

    @_in_time
    async def accept(self, submissions: Sequence[Submission]) -> tuple[list[Numbered], list[Outcome]]:
        """Commit submissions with their commands, all in one transaction.

        Returns the messages to publish, and what came of each submission.
        """
        async with self.pool.acquire() as connection, connection.transaction():
            outcomes = await self._claimed(connection, submissions)
            jobs = [
                job
                for submission, outcome in zip(submissions, outcomes, strict=True)
                if outcome is None
                for job in submission.jobs
            ]
            if not jobs:
                return [], outcomes
            await connection.execute(self._queries["insert_submissions"], *columns(map(_submitted, jobs)))
            messages = [submission_message(job) for job in jobs]
            numbers = await self.outbox.append(connection, messages)
            return list(zip(numbers, messages, strict=True)), outcomes

    async def _claimed(self, connection: Any, submissions: Sequence[Submission]) -> list[Outcome]:
        """Claim the keys that submissions came with. Of two with the same key the first one claims it."""
        claims = [(one.tenant, one.claim) for one in submissions if one.claim is not None]
        if not claims:
            return [None] * len(submissions)
        tenants = [tenant for tenant, _ in claims]
        keys = [claim.key for _, claim in claims]
        fingerprints = [claim.request_sha256 for _, claim in claims]
        answers = [claim.answer.decode() for _, claim in claims]
        await connection.execute(self._queries["claim_keys"], tenants, keys, fingerprints, answers)
        rows = await connection.fetch(self._queries["used_keys"], tenants, keys)
        used = {(row["tenant"], row["key"]): row for row in rows}
        return [
            None if one.claim is None else _outcome(one.claim, used[one.tenant, one.claim.key])
            for one in submissions
        ]

    @_in_time
    async def command(self, command: CancelJob | RetryJob, message_id: str, run: int) -> list[Numbered]:
        """Commit a command on a job that is in its run ``run``; return the message to publish."""
        message = Outgoing(subjects.command(command), codec.encode(command), message_id)
        row = (message_id, command.job_id, run, isinstance(command, CancelJob), message.payload)
        async with self.pool.acquire() as connection, connection.transaction():
            await connection.execute(self._queries["insert_command"], *row)
            return list(zip(await self.outbox.append(connection, [message]), [message], strict=True))

    @_in_time
    async def job(self, tenant: str, job_id: str) -> JobRow | None:
        """Return a job, submitted ones included. Those that are asked for at the same time are read together."""
        return await self._jobs.do((tenant, job_id))

    async def _named_jobs(self, names: Sequence[tuple[str, str]]) -> list[JobRow | None]:
        rows = await self.pool.fetch(self._queries["named_jobs"], *columns(names))
        found: dict[tuple[str, str], JobRow] = {}
        for row in rows:  # the orchestrator's word comes before the gateway's
            found.setdefault((row["tenant"], row["job_id"]), msgspec.convert(dict(row), JobRow))
        return [found.get(name) for name in names]

    @_in_time
    async def jobs(
        self, tenant: str, state: str | None, batch_id: str | None, limit: int, offset: int
    ) -> tuple[list[JobRow], dict[str, int]]:
        """Return a page of jobs, newest first, and how many match in each state."""
        states = _states(state)
        rows = await self._of_batch("jobs", batch_id, tenant, states, limit, offset)
        return [msgspec.convert(dict(row), JobRow) for row in rows], await self._counts(
            tenant, states, batch_id
        )

    @_in_time
    async def counts(self, tenant: str) -> dict[str, int]:
        """Return how many jobs are in each state."""
        return await self._counts(tenant, _states(None), None)

    async def _counts(self, tenant: str, states: Sequence[str], batch_id: str | None) -> dict[str, int]:
        rows = await self._of_batch("count_jobs", batch_id, tenant, states)
        return {row["state"]: row["jobs"] for row in rows}

    async def _of_batch(self, name: str, batch_id: str | None, *arguments: Any) -> list[asyncpg.Record]:
        """Run a query, or its like for one batch: a plan that serves both would read all jobs."""
        rows: list[asyncpg.Record] = await (
            self.pool.fetch(self._queries[name], *arguments)
            if batch_id is None
            else self.pool.fetch(self._queries[f"{name}_of_batch"], *arguments, batch_id)
        )
        return rows

    @_in_time
    async def average_duration(self, tenant: str) -> float | None:
        """Return seconds that completed jobs took on average."""
        average: float | None = await self.pool.fetchval(self._queries["average_duration"], tenant)
        return average

    @_in_time
    async def errors(self, tenant: str, limit: int) -> tuple[list[asyncpg.Record], dict[str, int]]:
        """Return the latest failed jobs, and how many failed for each code."""
        counts = await self.pool.fetch(self._queries["error_counts"], tenant)
        rows = await self.pool.fetch(self._queries["errors"], tenant, limit)
        return rows, {row["code"]: row["jobs"] for row in counts}

    @_in_time
    async def result(self, tenant: str, job_id: str) -> str | None:
        """Return a completed job's article as JSON."""
        result: str | None = await self.pool.fetchval(self._queries["result"], job_id, tenant)
        return result

    @_in_time
    async def events(self, tenant: str, job_id: str, after: int, limit: int) -> list[asyncpg.Record]:
        """Return a job's events after a number: ``seq``, ``type``, ``body`` (JSON)."""
        return (await self._events([(tenant, job_id, after)], limit))[0]

    async def next_events(self, tenant: str, job_id: str, after: int) -> list[asyncpg.Record]:
        """Return at most a page of them; what many followers ask for at the same time is read together."""
        return await self._followers.do((tenant, job_id, after))

    async def _next_events(self, cursors: Sequence[Cursor]) -> list[list[asyncpg.Record]]:
        distinct = list(dict.fromkeys(cursors))
        pages = await self._events(distinct, PAGE)
        found = dict(zip(distinct, pages, strict=True))
        return [found[cursor] for cursor in cursors]

    async def _events(self, cursors: Sequence[Cursor], limit: int) -> list[list[asyncpg.Record]]:
        pages: list[list[asyncpg.Record]] = [[] for _ in cursors]
        for row in await self.pool.fetch(self._queries["events"], *columns(cursors), limit):
            pages[row["place"] - 1].append(row)
        return pages

    @_in_time
    async def deliveries(
        self, tenant: str, job_id: str
    ) -> list[tuple[DeliveryRow, list[DeliveryAttemptRow]]]:
        """Return a job's webhooks in the order of their events, each with its attempts."""
        rows = await self.pool.fetch(self._queries["deliveries"], job_id, tenant)
        attempts = await self.pool.fetch(self._queries["delivery_attempts"], job_id, tenant)
        tried = [msgspec.convert(dict(row), DeliveryAttemptRow) for row in attempts]
        return [
            (msgspec.convert(dict(row), DeliveryRow), [one for one in tried if one.seq == row["seq"]])
            for row in rows
        ]

    @_in_time
    async def ping(self) -> None:
        """Return when the database answers."""
        await self.pool.execute("SELECT 1")

    async def mark_taken(self) -> None:
        """Note which submissions the orchestrator has, had or refused, and which commands were carried out."""
        for name in ("mark_taken", "mark_deleted", "mark_refused", "forget_done_commands"):
            await self.pool.execute(self._queries[name])

    async def resend(self) -> int:
        """Put submissions and commands that never arrived into the outbox again; return how many."""
        async with self.pool.acquire() as connection, connection.transaction():
            rows = await connection.fetch(self._queries["untaken"], LOST_AFTER_SECONDS)
            messages = [
                submission_message(codec.decode(row["command"], SubmitJob), row["sends"]) for row in rows
            ]
            undone = await connection.fetch(self._queries["undone_commands"], LOST_AFTER_SECONDS)
            messages += [message for row in undone if (message := _repeated(row)) is not None]
            await self.outbox.append(connection, messages)
            return len(messages)

    async def forget(
        self, now: datetime, days: float, delete_files: Callable[[str], Awaitable[object]]
    ) -> None:
        """Delete the files of jobs that were deleted, then their submissions, and commands and keys of that age.

        Files go first: what a crash or a store that is away leaves is found again by its submission.
        """
        before = now - timedelta(days=days)
        while rows := await self.pool.fetch(self._queries["gone"], before):
            ids = [row["job_id"] for row in rows]
            for job_id in ids:
                await delete_files(job_id)
            await self.pool.execute(self._queries["delete_submissions"], ids)
        before = now - timedelta(days=days + 1)
        for name in ("delete_commands", "delete_keys"):
            while not (await self.pool.execute(self._queries[name], before)).endswith(" 0"):
                pass


def submission_message(job: SubmitJob, sends: int = 1) -> Outgoing:
    """Return a submission's message; each repetition has an id of its own, or the stream would drop it."""
    return Outgoing(subjects.command(job), codec.encode(job), f"submit/{job.job_id}/{sends}")


def _repeated(row: asyncpg.Record) -> Outgoing | None:
    """Return a command's message under another id, as for submissions; None for one of a later release, which repeats it."""
    try:
        command = codec.decode_command(row["command"])
    except msgspec.ValidationError as error:
        log.warning("command_of_other_release", message_id=row["message_id"], reason=str(error))
        return None
    return Outgoing(subjects.command(command), row["command"], f"{row['message_id']}/{row['sends']}")


def _submitted(job: SubmitJob) -> tuple[Any, ...]:
    row = submitted_row(job.job_id, job.tenant, job.request, job.submitted_at)
    shown = codec.encode(row).decode()
    return job.job_id, job.tenant, job.request.batch_id, job.submitted_at, shown, codec.encode(job)


def _states(state: str | None) -> Sequence[str]:
    return list(JobState) if state is None else [state]


def _outcome(claim: Claim, used: asyncpg.Record) -> Outcome:
    """Tell a key's first use, whose answer names the new jobs, from a repetition and from a misuse."""
    answer: bytes = used["answer"].encode()
    if answer == claim.answer:
        return None
    return answer if used["request_sha256"] == claim.request_sha256 else key_reused()


def put_aside(message: Outgoing, limit: int) -> Outgoing:
    """Return the report on a message that is too large for the server."""
    stream = streams.stream_of(message.subject).name
    letter = dead_letters.too_large(message, stream, limit, "gateway", SystemClock().now())
    return Outgoing(subjects.dead_letter(letter), codec.encode(letter), letter.message_id)
