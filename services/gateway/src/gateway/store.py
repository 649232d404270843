"""The gateway's rows: what it accepted, and what it reads of others through the views."""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime, timedelta
from typing import Any, Concatenate, ParamSpec, TypeVar

import asyncpg
import msgspec

from chassis.broker import Outgoing
from chassis.database import Queries, within
from chassis.outbox import Numbered, Outbox
from contracts import codec, subjects
from contracts.commands import CancelJob, RetryJob, SubmitJob
from contracts.views import JobRow
from gateway.errors import key_reused
from gateway.presenters import submitted_row

P = ParamSpec("P")
T = TypeVar("T")

PATIENCE_SECONDS = 2.0
"""After which a request is answered 503 rather than kept waiting."""
COMMAND_SECONDS = 1.5
"""After which one command shows that the link is dead: before the request as a whole is given up."""
LOST_AFTER_SECONDS = 30.0
"""Age from which a submission that the orchestrator does not have is sent again."""


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


class Store:
    """Rows of schema ``gateway`` and of the views."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool
        self.outbox = Outbox("gateway")
        self._queries = Queries.load("gateway")

    @_in_time
    async def accept(
        self, tenant: str, jobs: Sequence[SubmitJob], claim: Claim | None
    ) -> tuple[list[Numbered], bytes | None]:
        """Commit submissions with their commands.

        Returns the messages to publish, or the answer that the key was given before. Raises Refusal when the key
        was used for another request.
        """
        async with self.pool.acquire() as connection, connection.transaction():
            if claim is not None:
                earlier = await self._earlier_answer(connection, tenant, claim)
                if earlier is not None:
                    return [], earlier
            rows = [_submission(tenant, job) for job in jobs]
            columns = [list(column) for column in zip(*rows, strict=True)]
            await connection.execute(self._queries["insert_submissions"], *columns)
            messages = [submission_message(job) for job in jobs]
            numbers = await self.outbox.append(connection, messages)
            return list(zip(numbers, messages, strict=True)), None

    async def _earlier_answer(self, connection: Any, tenant: str, claim: Claim) -> bytes | None:
        arguments = (tenant, claim.key, claim.request_sha256, claim.answer.decode())
        if await connection.fetchval(self._queries["claim_key"], *arguments):
            return None
        row = await connection.fetchrow(self._queries["used_key"], tenant, claim.key)
        if row["request_sha256"] != claim.request_sha256:
            raise key_reused()
        answer: str = row["answer"]
        return answer.encode()

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
        """Return a job, submitted ones included."""
        row = await self.pool.fetchrow(self._queries["job"], job_id, tenant)
        return None if row is None else msgspec.convert(dict(row), JobRow)

    @_in_time
    async def jobs(
        self, tenant: str, state: str | None, batch_id: str | None, limit: int, offset: int
    ) -> tuple[list[JobRow], dict[str, int]]:
        """Return a page of jobs, newest first, and how many match in each state."""
        rows = await self.pool.fetch(self._queries["jobs"], tenant, state, batch_id, limit, offset)
        return [msgspec.convert(dict(row), JobRow) for row in rows], await self.counts(tenant, batch_id)

    @_in_time
    async def counts(self, tenant: str, batch_id: str | None = None) -> dict[str, int]:
        """Return how many jobs are in each state."""
        rows = await self.pool.fetch(self._queries["count_jobs"], tenant, batch_id)
        return {row["state"]: row["jobs"] for row in rows}

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
        rows: list[asyncpg.Record] = await self.pool.fetch(
            self._queries["events"], job_id, tenant, after, limit
        )
        return rows

    @_in_time
    async def ping(self) -> None:
        """Return when the database answers."""
        await self.pool.execute("SELECT 1")

    async def mark_taken(self) -> None:
        """Note which submissions the orchestrator has by now, and which commands were carried out."""
        await self.pool.execute(self._queries["mark_taken"])
        await self.pool.execute(self._queries["forget_done_commands"])

    async def resend(self) -> int:
        """Put submissions and commands that never arrived into the outbox again; return how many."""
        async with self.pool.acquire() as connection, connection.transaction():
            rows = await connection.fetch(self._queries["untaken"], LOST_AFTER_SECONDS)
            messages = [
                submission_message(codec.decode(row["command"], SubmitJob), row["sends"]) for row in rows
            ]
            undone = await connection.fetch(self._queries["undone_commands"], LOST_AFTER_SECONDS)
            messages += [_repeated(row) for row in undone]
            await self.outbox.append(connection, messages)
            return len(messages)

    async def forget(self, now: datetime, days: float) -> None:
        """Delete submissions and keys that are older than the jobs themselves may get."""
        before = now - timedelta(days=days + 1)
        for name in ("delete_submissions", "delete_commands", "delete_keys"):
            while not (await self.pool.execute(self._queries[name], before)).endswith(" 0"):
                pass


def submission_message(job: SubmitJob, sends: int = 1) -> Outgoing:
    """Return a submission's message; each repetition has an id of its own, or the stream would drop it."""
    return Outgoing(subjects.command(job), codec.encode(job), f"submit/{job.job_id}/{sends}")


def _repeated(row: asyncpg.Record) -> Outgoing:
    """Return a command's message under another id, as for submissions."""
    command = codec.decode_command(row["command"])
    return Outgoing(subjects.command(command), row["command"], f"{row['message_id']}/{row['sends']}")


def _submission(tenant: str, job: SubmitJob) -> tuple[Any, ...]:
    row = submitted_row(job.job_id, tenant, job.request, job.submitted_at)
    shown = codec.encode(row).decode()
    return job.job_id, tenant, job.request.batch_id, job.submitted_at, shown, codec.encode(job)
