"""The outbox: messages written in the same transaction as what caused them, and published after the commit.

The table belongs to the schema that uses it, and its migration makes it::

    CREATE TABLE <schema>.outbox (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        subject text NOT NULL,
        msg_id text NOT NULL,
        headers jsonb NOT NULL DEFAULT '{}',
        payload bytea NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now()
    );

A row leaves the table once the stream has confirmed it. A crash between commit and publish leaves rows behind, which
the relay sends; a crash between publish and delete sends a message twice, which its ``msg_id`` makes harmless. So the
delete need not be on disk at once: a crash of Postgres that undoes it is the same case.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import asyncpg
import msgspec

from chassis.broker import Outgoing, Publisher
from chassis.crashpoints import CrashPoint, crash_point
from chassis.database import Statement, columns

Numbered = tuple[int, Outgoing]
Replace = Callable[[Outgoing, int], Outgoing]
"""Makes what is sent in place of a message that is larger than so many bytes: it would never get through."""


class Outbox:
    """The outbox of one schema."""

    def __init__(self, schema: str, replace: Replace = lambda message, _limit: message) -> None:
        self._replace = replace
        table = f"{schema}.outbox"
        self._insert = (
            f"INSERT INTO {table} (subject, msg_id, headers, payload)"  # noqa: S608  our own schema name
            " SELECT * FROM unnest($1::text[], $2::text[], $3::jsonb[], $4::bytea[]) RETURNING id"
        )
        lazily = "set_config('synchronous_commit', 'off', true) = 'off'"
        self._delete = (  # what another transaction holds it deletes itself; waiting for it could deadlock
            f"DELETE FROM {table} WHERE {lazily} AND id = ANY(ARRAY("  # noqa: S608  as above
            f"SELECT id FROM {table} WHERE id = ANY($1) FOR UPDATE SKIP LOCKED))"
        )
        self._claim = (
            f"SELECT id, subject, msg_id, headers, payload FROM {table}"  # noqa: S608  as above
            " WHERE created_at < now() - make_interval(secs => $1) ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED"
        )
        age = "coalesce(extract(epoch FROM now() - min(created_at)), 0)::float"
        self._depth = f"SELECT count(*), {age} FROM {table}"  # noqa: S608  as above

    async def append(self, connection: Any, messages: Sequence[Outgoing]) -> list[int]:
        """Write messages inside the caller's transaction; return their numbers in order."""
        if not messages:
            return []
        sql, parameters = self.insertion(messages)
        return [row["id"] for row in await connection.fetch(sql, *parameters)]

    def insertion(self, messages: Sequence[Outgoing]) -> Statement:
        """Return the statement that writes messages and returns their ``id`` in order."""
        rows = [
            (message.subject, message.msg_id, json.dumps(message.headers), message.payload)
            for message in messages
        ]
        return self._insert, columns(rows)

    async def send(self, pool: asyncpg.Pool, publisher: Publisher, messages: Sequence[Numbered]) -> int:
        """Publish committed messages and delete the confirmed ones; return how many those were."""
        if not messages:
            return 0
        crash_point(CrashPoint.AFTER_COMMIT_BEFORE_PUBLISH)
        confirmed = await self._publish(publisher, messages)
        crash_point(CrashPoint.AFTER_PUBLISH_BEFORE_MARK)
        await pool.execute(self._delete, confirmed)
        return len(confirmed)

    async def relay(
        self, pool: asyncpg.Pool, publisher: Publisher, *, older_than_seconds: float = 2.0, limit: int = 500
    ) -> int:
        """Send once what has lain unsent for longer; return how many were confirmed.

        The rows stay locked while they are published, so that several relays share the work.
        """
        async with pool.acquire() as connection, connection.transaction():
            rows = await connection.fetch(self._claim, older_than_seconds, limit)
            if not rows:
                return 0
            confirmed = await self._publish(publisher, [_message(row) for row in rows])
            await connection.execute(self._delete, confirmed)
            return len(confirmed)

    async def depth(self, connection: Any) -> tuple[int, float]:
        """Return how many messages wait, and for how many seconds the oldest has."""
        row = await connection.fetchrow(self._depth)
        return row[0], row[1]

    async def _publish(self, publisher: Publisher, messages: Sequence[Numbered]) -> list[int]:
        numbers, limit = [number for number, _ in messages], publisher.limit
        fitting = [one if one.size() <= limit else self._replace(one, limit) for _, one in messages]
        confirmed = {id(message) for message in await publisher.publish_all(fitting)}
        return [number for number, one in zip(numbers, fitting, strict=True) if id(one) in confirmed]


def _message(row: asyncpg.Record) -> Numbered:
    headers = msgspec.json.decode(row["headers"], type=dict[str, str])
    return row["id"], Outgoing(row["subject"], row["payload"], row["msg_id"], headers)
