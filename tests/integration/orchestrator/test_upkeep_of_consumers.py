"""Consumers that exist and serve nobody are mended, and nothing is lost or doubled by it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from chassis.broker import connect, ensure_stream
from chassis.pull import pull
from contracts.streams import Consumer, Stream
from orchestrator.upkeep import Watch

CONSUMER = Consumer(durable="one", filters=("in.*",), ack_wait_seconds=15)
QUEUE = Stream(name="IN", subjects=("in.*",), retention="workqueue", max_age_seconds=0, consumers=(CONSUMER,))
LOG = Stream(name="IN", subjects=("in.*",), retention="limits", max_age_seconds=0, consumers=(CONSUMER,))
FOREVER = "2100-01-01T00:00:00Z"


class Reader:
    """A pull loop that notes what it is handed."""

    def __init__(self, js: JetStreamContext) -> None:
        self._js = js
        self.seen: list[bytes] = []

    async def run(self) -> None:
        async def recover() -> None:
            await ensure_stream(self._js, QUEUE)

        await pull(self._js, "IN", "one", lambda: 10, self._take, recover=recover)

    async def _take(self, messages: Sequence[Any]) -> None:
        for message in messages:
            self.seen.append(message.data)
            await message.ack_sync()

    async def until(self, *seen: bytes) -> None:
        async with asyncio.timeout(20):
            while self.seen != list(seen):
                await asyncio.sleep(0.02)


@pytest.fixture
async def js(nats_url: str) -> AsyncIterator[JetStreamContext]:
    client = await connect(nats_url, "test")
    yield client.jetstream()
    await client.close()


@pytest.fixture
async def reader(js: JetStreamContext) -> AsyncIterator[Reader]:
    reader = Reader(js)
    await ensure_stream(js, QUEUE)
    task = asyncio.create_task(reader.run())
    yield reader
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def until_wedged(js: JetStreamContext) -> None:
    async with asyncio.timeout(20):
        while not ((info := await js.consumer_info("IN", "one")).num_waiting and info.num_pending):
            await asyncio.sleep(0.02)


async def test_a_paused_consumer_is_made_again_at_the_second_look(
    js: JetStreamContext, reader: Reader
) -> None:
    await js.publish("in.a", b"1")
    await reader.until(b"1")
    await js.pause_consumer("IN", "one", FOREVER)
    await js.publish("in.a", b"2")
    await until_wedged(js)
    watch = Watch(js)
    assert await watch.mend("IN", QUEUE.consumers) == {}
    assert await watch.mend("IN", QUEUE.consumers) == {"one": "stuck"}
    await reader.until(b"1", b"2")
    assert await watch.mend("IN", QUEUE.consumers) == {}


async def test_a_consumer_of_other_subjects_is_given_back_its_own(
    js: JetStreamContext, reader: Reader
) -> None:
    await js.add_consumer("IN", (await js.consumer_info("IN", "one")).config.evolve(filter_subject="in.none"))
    await js.publish("in.a", b"1")
    assert await Watch(js).mend("IN", QUEUE.consumers) == {"one": "drifted"}
    await reader.until(b"1")
    assert await Watch(js).mend("IN", QUEUE.consumers) == {}


async def test_a_consumer_that_is_gone_is_made_again(js: JetStreamContext) -> None:
    await ensure_stream(js, QUEUE)
    await js.delete_consumer("IN", "one")
    assert await Watch(js).mend("IN", QUEUE.consumers) == {"one": "gone"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"deliver_policy": DeliverPolicy.BY_START_SEQUENCE, "opt_start_seq": 1_000_000},
        {"deliver_policy": DeliverPolicy.NEW},
        {"ack_policy": AckPolicy.NONE},
        {"max_deliver": 1},
    ],
)
async def test_settings_that_cannot_be_changed_make_a_new_consumer(
    js: JetStreamContext, wrong: dict[str, Any]
) -> None:
    await ensure_stream(js, LOG)
    await js.publish("in.a", b"1")
    await js.delete_consumer("IN", "one")
    given = {"durable_name": "one", "filter_subject": "in.*", "ack_wait": 15, "max_ack_pending": 1000}
    await js.add_consumer("IN", ConsumerConfig(**{**given, **wrong}))
    await ensure_stream(js, LOG)  # as every service does when it starts
    await Watch(js).mend("IN", LOG.consumers)
    await js.publish("in.a", b"2")
    config = (await js.consumer_info("IN", "one")).config
    assert (config.ack_policy, config.max_deliver) == (AckPolicy.EXPLICIT, -1)
    assert config.deliver_policy in {DeliverPolicy.ALL, DeliverPolicy.BY_START_SEQUENCE}
    assert await Watch(js).mend("IN", LOG.consumers) == {}
    subscription = await js.pull_subscribe_bind("one", "IN")
    assert (await subscription.fetch(10, timeout=5))[-1].data == b"2"


async def test_a_consumer_of_a_log_goes_on_where_it_was(js: JetStreamContext) -> None:
    await ensure_stream(js, LOG)
    for number in range(4):
        await js.publish("in.a", b"%d" % number)
    subscription = await js.pull_subscribe_bind("one", "IN")
    for message in await subscription.fetch(2, timeout=5):
        await message.ack_sync()
    await js.pause_consumer("IN", "one", FOREVER)
    asking = asyncio.create_task(subscription.fetch(1, timeout=20))
    await until_wedged(js)
    watch = Watch(js)
    await watch.mend("IN", LOG.consumers)
    assert await watch.mend("IN", LOG.consumers) == {"one": "stuck"}
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await ensure_stream(js, LOG)
    again = await (await js.pull_subscribe_bind("one", "IN")).fetch(10, timeout=5)
    assert [message.data for message in again] == [b"2", b"3"]
