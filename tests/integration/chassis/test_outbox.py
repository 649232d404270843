"""The outbox against a real Postgres and a real broker: nothing lost, nothing doubled, whatever stops in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import asyncpg
import pytest
from nats.js import JetStreamContext

from chassis import broker, database
from chassis.broker import Outgoing, Publisher
from chassis.outbox import Outbox
from contracts.streams import Stream

STREAM = Stream(name="OUT", subjects=("out.*",), retention="limits", max_age_seconds=0)
TABLE = """
CREATE SCHEMA box;
CREATE TABLE box.outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subject text NOT NULL,
    msg_id text NOT NULL,
    headers jsonb NOT NULL DEFAULT '{}',
    payload bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
"""


class Place(NamedTuple):
    pool: asyncpg.Pool
    js: JetStreamContext
    publisher: Publisher
    outbox: Outbox

    async def write(self, messages: list[Outgoing]) -> list[int]:
        async with self.pool.acquire() as connection, connection.transaction():
            return await self.outbox.append(connection, messages)

    async def depth(self) -> int:
        return (await self.outbox.depth(self.pool))[0]

    async def stored(self) -> list[Any]:
        count = (await self.js.stream_info("OUT")).state.messages
        return [await self.js.get_msg("OUT", seq) for seq in range(1, count + 1)]


@pytest.fixture
async def place(database_url: str, nats_url: str) -> AsyncIterator[Place]:
    pool = await database.connect(database_url, name="test")
    await pool.execute(TABLE)
    client = await broker.connect(nats_url, "test")
    js = client.jetstream()
    await broker.ensure_stream(js, STREAM)
    yield Place(pool, js, Publisher(js, timeout=1), Outbox("box"))
    await client.close()
    await database.close(pool)


def messages(count: int) -> list[Outgoing]:
    return [
        Outgoing("out.a", b"%d" % number, f"id-{number}", {"Number": str(number)}) for number in range(count)
    ]


async def test_what_was_sent_leaves_the_table_and_arrives_in_order(place: Place) -> None:
    out = messages(50)
    ids = await place.write(out)
    assert ids == sorted(ids)
    assert await place.outbox.send(place.pool, place.publisher, list(zip(ids, out, strict=True))) == 50
    assert await place.depth() == 0
    stored = await place.stored()
    assert [message.data for message in stored] == [message.payload for message in out]
    assert stored[7].headers["Number"] == "7"


async def test_a_rolled_back_transaction_leaves_nothing_to_send(place: Place) -> None:
    async with place.pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await place.outbox.append(connection, messages(3))
        await transaction.rollback()
    assert await place.outbox.relay(place.pool, place.publisher, older_than_seconds=0) == 0
    assert await place.stored() == []


async def test_after_a_crash_between_commit_and_publish_the_relay_sends(place: Place) -> None:
    await place.write(messages(5))
    assert await place.outbox.relay(place.pool, place.publisher, older_than_seconds=60) == 0
    assert await place.depth() == 5
    assert await place.outbox.relay(place.pool, place.publisher, older_than_seconds=0) == 5
    assert await place.depth() == 0
    assert [message.data for message in await place.stored()] == [b"0", b"1", b"2", b"3", b"4"]


async def test_after_a_crash_between_publish_and_delete_the_stream_drops_the_second_copy(
    place: Place,
) -> None:
    out = messages(5)
    await place.write(out)
    await place.publisher.publish_all(out)
    assert await place.outbox.relay(place.pool, place.publisher, older_than_seconds=0) == 5
    assert await place.depth() == 0
    assert len(await place.stored()) == 5


async def test_two_relays_share_the_rows(place: Place) -> None:
    await place.write(messages(200))
    sent = await asyncio.gather(
        *(place.outbox.relay(place.pool, place.publisher, older_than_seconds=0) for _ in range(2))
    )
    assert sum(sent) == 200
    assert len(await place.stored()) == 200


async def test_only_what_no_stream_takes_stays(place: Place) -> None:
    mixed = [*messages(2), Outgoing("nowhere.a", b"x", "id-x")]
    ids = await place.write(mixed)
    assert await place.outbox.send(place.pool, place.publisher, list(zip(ids, mixed, strict=True))) == 2
    assert await place.depth() == 1


async def test_the_depth_tells_the_age_of_the_oldest(place: Place) -> None:
    assert await place.outbox.depth(place.pool) == (0, 0.0)
    await place.write(messages(2))
    await place.pool.execute(
        "UPDATE box.outbox SET created_at = now() - interval '90 s' WHERE msg_id = 'id-1'"
    )
    count, age = await place.outbox.depth(place.pool)
    assert count == 2
    assert 90 <= age < 120


async def test_confirming_never_waits_for_rows_that_another_transaction_holds(place: Place) -> None:
    """Whoever waits for no lock is in no deadlock; the holder sends or deletes what it holds."""
    out = messages(3)
    ids = await place.write(out)
    async with place.pool.acquire() as other, other.transaction():
        await other.execute("SELECT id FROM box.outbox WHERE id = $1 FOR UPDATE", ids[1])
        async with asyncio.timeout(10):
            await place.outbox.send(place.pool, place.publisher, list(zip(ids, out, strict=True)))
        assert await place.depth() == 1
    assert await place.outbox.relay(place.pool, place.publisher, older_than_seconds=0) == 1
    assert await place.depth() == 0
    assert len(await place.stored()) == 3


async def test_only_the_delete_itself_may_reach_the_disk_later(place: Place) -> None:
    out = messages(2)
    ids = await place.write(out)
    async with place.pool.acquire() as connection, connection.transaction():
        await place.outbox.send(connection, place.publisher, list(zip(ids, out, strict=True)))
        assert await connection.fetchval("SHOW synchronous_commit") == "off"
    assert await place.pool.fetchval("SHOW synchronous_commit") == "on"


async def test_what_the_server_refuses_for_its_size_is_replaced_and_holds_up_no_other(place: Place) -> None:
    """Also when its payload alone would fit: a server closes the connection on which headers make it too large."""

    def replace(message: Outgoing, limit: int) -> Outgoing:
        return Outgoing("out.aside", str(limit).encode(), f"aside/{message.msg_id}")

    limit = place.publisher.limit
    outbox = Outbox("box", replace)
    large = [
        Outgoing("out.a", b"x" * (limit + 1), "large-1"),
        Outgoing("out.a", b"x" * (limit - 100), "large-2", {"Header": "h" * 200}),
    ]
    out = [*messages(20), *large, Outgoing("out.a", b"x" * (limit - 1000), "largest")]
    ids = await place.write(out[:-1])
    assert await outbox.send(place.pool, place.publisher, list(zip(ids, out[:-1], strict=True))) == 22
    await place.write(out[-1:])
    assert await outbox.relay(place.pool, place.publisher, older_than_seconds=0) == 1
    assert await place.depth() == 0
    stored = await place.stored()
    assert len(stored) == 23
    assert sorted(one.headers["Nats-Msg-Id"] for one in stored if one.subject == "out.aside") == [
        "aside/large-1",
        "aside/large-2",
    ]
    assert place.js._nc.stats["reconnects"] == 0


async def test_the_streams_limit_counts_too(place: Place) -> None:
    small = Stream(
        name="SMALL", subjects=("small.*",), retention="limits", max_age_seconds=0, max_msg_size=2000
    )
    await broker.ensure_stream(place.js, small)
    publisher = Publisher(place.js, (STREAM, small), timeout=1)
    outbox = Outbox("box", lambda message, _limit: Outgoing("out.aside", b"", message.msg_id))
    ids = await place.write([Outgoing("small.a", b"x" * 1990, "1"), Outgoing("small.a", b"x", "2")])
    assert await outbox.relay(place.pool, publisher, older_than_seconds=0) == len(ids)
    assert [one.subject for one in await place.stored()] == ["out.aside"]
