"""Many messages go to a stream as one batch, and one by one when it will not have the batch."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from nats.aio.client import Client
from nats.js.api import RawStreamMsg

from chassis import atomic
from chassis.broker import Outgoing, Publisher, connect, ensure_stream
from contracts.streams import Stream

BOX = Stream(name="BOX", subjects=("box.*",), retention="workqueue", max_age_seconds=0, max_msg_size=1000)
MANY = 3 * atomic.SMALLEST


def letters(count: int = MANY) -> list[Outgoing]:
    return [Outgoing(f"box.{n}", b"text", f"letter/{n}", {"Kind": "letter"}) for n in range(count)]


@pytest.fixture
async def client(nats_url: str) -> AsyncIterator[Client]:
    client = await connect(nats_url, "test")
    await ensure_stream(client.jetstream(), BOX)
    yield client
    await client.close()


async def stored(client: Client) -> list[RawStreamMsg]:
    js = client.jetstream()
    last = (await js.stream_info(BOX.name)).state.last_seq
    return [await js.get_msg(BOX.name, number) for number in range(1, last + 1)]


def numbers(messages: list[RawStreamMsg]) -> list[str]:
    return [(message.headers or {})["Nats-Msg-Id"] for message in messages]


async def test_many_messages_arrive_as_one_batch_in_order_with_their_headers(client: Client) -> None:
    sent = letters()

    confirmed = await Publisher(client.jetstream(), (BOX,)).publish_all(sent)

    arrived = await stored(client)
    assert confirmed == sent
    assert numbers(arrived) == [message.msg_id for message in sent]
    assert {(message.headers or {})["Kind"] for message in arrived} == {"letter"}
    assert len({(message.headers or {})["Nats-Batch-Id"] for message in arrived}) == 1


async def test_few_messages_go_one_by_one(client: Client) -> None:
    confirmed = await Publisher(client.jetstream(), (BOX,)).publish_all(letters(2))

    assert len(confirmed) == 2
    assert not any("Nats-Batch-Id" in (message.headers or {}) for message in await stored(client))


async def test_a_second_copy_in_a_batch_is_dropped_and_the_rest_arrives(client: Client) -> None:
    publisher = Publisher(client.jetstream(), (BOX,))
    sent = letters()
    await publisher.publish(sent[5])

    confirmed = await publisher.publish_all(sent)

    assert confirmed == sent
    assert sorted(numbers(await stored(client))) == sorted(message.msg_id for message in sent)


async def test_a_message_that_is_too_large_leaves_out_only_itself(client: Client) -> None:
    sent = letters()
    sent[7] = Outgoing("box.large", b"x" * 2000, "large")

    confirmed = await Publisher(client.jetstream(), (BOX,)).publish_all(sent)

    assert [message.msg_id for message in sent if message not in confirmed] == ["large"]
    assert sorted(numbers(await stored(client))) == sorted(message.msg_id for message in confirmed)


async def test_a_stream_that_takes_no_batches_gets_the_messages_one_by_one(client: Client) -> None:
    js = client.jetstream()
    config = (await js.stream_info(BOX.name)).config
    await js.update_stream(config.evolve(allow_atomic=False))
    sent = letters()

    confirmed = await Publisher(js, (BOX,)).publish_all(sent)

    assert confirmed == sent
    assert sorted(numbers(await stored(client))) == sorted(message.msg_id for message in sent)


async def test_more_messages_than_a_batch_may_have_all_arrive(client: Client) -> None:
    sent = letters(atomic.LARGEST + atomic.SMALLEST)

    confirmed = await Publisher(client.jetstream(), (BOX,)).publish_all(sent)

    assert len(confirmed) == len(sent)
    assert len(set(numbers(await stored(client)))) == len(sent)
