"""Publishing many messages: in atomic batches where the stream takes them, one by one where it does not."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from typing import Any

import pytest
from nats.js import JetStreamContext
from nats.js.api import StreamConfig

from blog_writer.embedded.nats import NatsServer
from chassis import broker
from chassis.atomic import LARGEST_BATCH, SMALLEST_BATCH
from chassis.broker import Outgoing, Publisher, SharedPublisher
from contracts.streams import Stream

STREAM = Stream(name="OUT", subjects=("out.a.*",), retention="limits", max_age_seconds=0)


@pytest.fixture
async def js(nats_url: str) -> AsyncIterator[JetStreamContext]:
    client = await broker.connect(nats_url, "test")
    context = client.jetstream()
    await broker.ensure_stream(context, STREAM)
    yield context
    await client.close()


def messages(count: int, subject: str = "out.a.x") -> list[Outgoing]:
    return [
        Outgoing(subject, b"%d" % number, f"{subject}/{number}", {"Own": str(number)})
        for number in range(count)
    ]


async def stored(js: JetStreamContext, stream: str = "OUT") -> list[Any]:
    count = (await js.stream_info(stream)).state.messages
    return [await js.get_msg(stream, seq) for seq in range(1, count + 1)]


def batches(kept: list[Any]) -> set[str]:
    return {message.headers["Nats-Batch-Id"] for message in kept if "Nats-Batch-Id" in message.headers}


async def test_many_messages_are_stored_in_order_in_few_batches(js: JetStreamContext) -> None:
    out = messages(2 * LARGEST_BATCH)
    assert await Publisher(js).publish_all(out) == out
    kept = await stored(js)
    assert [message.data for message in kept] == [message.payload for message in out]
    assert len(batches(kept)) == 2
    assert kept[7].headers["Own"] == "7"


async def test_few_messages_go_one_by_one(js: JetStreamContext) -> None:
    out = messages(SMALLEST_BATCH - 1)
    assert await Publisher(js).publish_all(out) == out
    assert batches(await stored(js)) == set()


async def test_a_batch_with_a_message_that_is_there_already_is_confirmed_and_stored_once(
    js: JetStreamContext,
) -> None:
    out = messages(SMALLEST_BATCH)
    await Publisher(js).publish(out[3])
    assert await Publisher(js).publish_all(out) == out
    assert sorted(int(message.data) for message in await stored(js)) == list(range(SMALLEST_BATCH))


@pytest.mark.parametrize("atomic", [False, True])
async def test_subjects_that_look_alike_may_belong_to_different_streams(
    js: JetStreamContext, atomic: bool
) -> None:
    await js.add_stream(StreamConfig(name="OTHER", subjects=["out.a.b.>"], allow_atomic=atomic))
    out = messages(SMALLEST_BATCH) + messages(SMALLEST_BATCH, "out.a.b.c")
    assert await Publisher(js).publish_all(out) == out
    assert len(await stored(js)) == len(await stored(js, "OTHER")) == SMALLEST_BATCH


async def test_a_stream_that_takes_no_batches_gets_every_message_all_the_same(js: JetStreamContext) -> None:
    await js.add_stream(StreamConfig(name="PLAIN", subjects=["plain.*"]))
    out = messages(SMALLEST_BATCH, "plain.x")
    assert await Publisher(js).publish_all(out) == out
    assert len(await stored(js, "PLAIN")) == SMALLEST_BATCH


async def test_without_a_stream_nothing_is_confirmed(js: JetStreamContext) -> None:
    assert await Publisher(js, timeout=1).publish_all(messages(SMALLEST_BATCH, "nowhere.x")) == []
    assert not await SharedPublisher(Publisher(js, timeout=1)).publish(messages(1, "nowhere.x")[0])


async def test_a_confirmed_batch_survives_a_killed_server(
    nats_server: NatsServer, js: JetStreamContext
) -> None:
    out = messages(LARGEST_BATCH)
    assert await Publisher(js).publish_all(out) == out
    os.kill(nats_server.pid, signal.SIGKILL)
    nats_server.stop()
    again = NatsServer(nats_server._dir)
    again.start()
    try:
        again.wait()
        client = await broker.connect(again.url, "test")
        assert len(await stored(client.jetstream())) == LARGEST_BATCH
        await client.close()
    finally:
        again.stop()


async def test_messages_of_many_callers_go_out_together(js: JetStreamContext) -> None:
    publisher, out = SharedPublisher(Publisher(js)), messages(50)
    assert all(await asyncio.gather(*(publisher.publish(message) for message in out)))
    kept = await stored(js)
    assert len(kept) == 50
    assert len(batches(kept)) == 1


async def test_a_caller_that_gives_up_does_not_hold_up_the_others(js: JetStreamContext) -> None:
    publisher, out = SharedPublisher(Publisher(js)), messages(3)
    first, *others = [asyncio.create_task(publisher.publish(message)) for message in out]
    await asyncio.sleep(0)
    first.cancel()
    assert await asyncio.gather(*others) == [True, True]
