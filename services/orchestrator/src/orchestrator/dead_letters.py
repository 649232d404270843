"""Dead letters in Postgres: recorded once, looked at and sent again by a person, told to the machine where it can act."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import asyncpg
import msgspec

from chassis import logs
from chassis.broker import Outgoing
from chassis.database import Queries, columns
from chassis.outbox import Outbox
from contracts import codec, streams
from contracts.commands import RunStage
from contracts.dead_letters import DeadLetter
from contracts.ids import JobId
from contracts.results import StageFail, StageResult
from orchestrator import metrics
from orchestrator.fold import Happening
from orchestrator.job import CommandLost
from orchestrator.messages import attempt_of

log = logs.get_logger(__name__)


class DeadLetters:
    """The table of messages that were put aside."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._queries = Queries.load("orchestrator")
        self._outbox = Outbox("jobs")

    async def record(self, letters: Sequence[DeadLetter]) -> None:
        """Put messages aside; what was recorded before is left as it is."""
        if not letters:
            return
        rows = await self._pool.fetch(self._queries["record_dead_letters"], *columns(map(_row, letters)))
        new = {row["message_id"] for row in rows}
        for letter in letters:
            if letter.message_id in new:
                metrics.DEAD_LETTERED.labels(letter.code.value).inc()
                log.error(
                    "dead_letter",
                    subject=letter.subject,
                    code=letter.code.value,
                    reason=letter.reason,
                    service=letter.service,
                )

    async def latest(self, limit: int) -> list[asyncpg.Record]:
        """Return the latest, without their payloads."""
        rows: list[asyncpg.Record] = await self._pool.fetch(self._queries["dead_letters"], limit)
        return rows

    async def get(self, number: int) -> asyncpg.Record | None:
        """Return one, whole."""
        return await self._pool.fetchrow(self._queries["dead_letter"], number)

    async def redrive(self, number: int) -> str | None:
        """Send one again, once; return its subject, or None when it cannot be (unknown, truncated, or sent before).

        The message and the note commit together; the orchestrator's relay sends it.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            row = await connection.fetchrow(self._queries["mark_redriven"], number)
            if row is None:
                return None
            headers = _own_headers(msgspec.json.decode(row["headers"], type=dict[str, str]))
            message = Outgoing(row["subject"], row["payload"], f"redrive/{number}/{uuid.uuid4()}", headers)
            await self._outbox.append(connection, [message])
        subject: str = row["subject"]
        return subject

    async def waiting(self) -> int:
        """Return how many wait for a person."""
        count: int = await self._pool.fetchval(self._queries["count_dead_letters"])
        return count

    async def delete_before(self, moment: datetime) -> None:
        """Forget what was put aside before ``moment``."""
        await self._pool.execute(self._queries["delete_dead_letters"], moment)


def _own_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Leave out what the transport was told of the first journey: the message's id, and the batch it came in."""
    return {name: value for name, value in headers.items() if not name.startswith("Nats-")}


def _row(letter: DeadLetter) -> tuple[Any, ...]:
    return (
        letter.message_id,
        letter.stream,
        letter.subject,
        letter.code.value,
        letter.reason,
        letter.payload,
        letter.truncated,
        json.dumps(letter.headers),
        letter.deliveries,
        letter.service,
        letter.at,
    )


def consequence(letter: DeadLetter) -> Happening | None:
    """Return what a dead letter means for a job: a stage command that nobody can run is a stage that failed.

    None where nothing can be said, or where the rows bring the message about again by themselves.
    """
    if letter.stream != streams.STAGES.name:
        return None
    command = _command(letter)
    if command is None:
        return None
    job_id, attempt = command
    result = StageResult(
        job_id=job_id,
        stage=attempt.stage,
        run=attempt.run,
        round=attempt.round,
        attempt=attempt.attempt,
        outcome=StageFail(code=letter.code.value, reason=letter.reason),
        started_at=letter.at,
        finished_at=letter.at,
        worker=letter.service,
    )
    return job_id, result


def _command(letter: DeadLetter) -> tuple[JobId, CommandLost | RunStage] | None:
    """Return which attempt a stage command was for; of one that was cut off its message's id tells."""
    try:
        command = codec.decode(letter.payload, RunStage)
    except msgspec.DecodeError:
        return attempt_of(letter.headers.get("Nats-Msg-Id", ""))
    return command.job_id, command
