"""The pull loop against a real nats-server: prompt, bounded, and back after every trouble."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from nats.aio.msg import Msg
from nats.errors import ConnectionClosedError

from blog_writer.embedded.nats import NatsServer
from chassis.broker import connect, ensure_stream
from chassis.errors import ConsumerGone
from chassis.pull import pull
from contracts.streams import Consumer, Stream

STREAM = Stream(
    name="WORK",
    subjects=("work.*",),
    retention="workqueue",
    max_age_seconds=0,
    consumers=(Consumer(durable="worker", filters=("work.*",), ack_wait_seconds=2),),
)


class Taker:
    """A handler that acks and remembers."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.seen: list[bytes] = []
        self.times: list[float] = []
        self.fail_first = False

    async def __call__(self, messages: list[Msg]) -> None:
        if self.fail_first:
            self.fail_first = False
            raise RuntimeError("the first try fails")
        self.batches.append(len(messages))
        for message in messages:
            self.seen.append(message.data)
            self.times.append(time.monotonic())
            await message.ack()

    async def until(self, count: int, seconds: float = 15) -> None:
        async with asyncio.timeout(seconds):
            while len(self.seen) < count:
                await asyncio.sleep(0.005)


@asynccontextmanager
async def pulling(url: str, handle: Any, room: Any = lambda: 256, **options: Any) -> AsyncIterator[Any]:
    client = await connect(url, "test")
    js = client.jetstream()

    async def recover() -> None:
        await ensure_stream(js, STREAM)

    await ensure_stream(js, STREAM)
    task = asyncio.create_task(pull(js, "WORK", "worker", room, handle, recover=recover, **options))
    try:
        yield js
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await client.close()


async def test_a_lone_message_is_handed_over_at_once(nats_url: str) -> None:
    taker = Taker()
    async with pulling(nats_url, taker) as js:
        delays = []
        for number in range(20):
            sent = time.monotonic()
            await js.publish("work.a", b"%d" % number)
            await taker.until(number + 1)
            delays.append(taker.times[-1] - sent)
    assert sorted(delays)[len(delays) // 2] < 0.1


async def test_many_messages_come_in_batches_of_what_is_there(nats_url: str) -> None:
    taker = Taker()
    async with pulling(nats_url, taker) as js:
        await asyncio.gather(*(js.publish("work.a", b"%d" % number) for number in range(500)))
        await taker.until(500)
    assert sorted(map(int, taker.seen)) == list(range(500))
    assert len(taker.batches) < 500


async def test_nothing_is_asked_for_without_room(nats_url: str) -> None:
    taker, wake = Taker(), asyncio.Event()
    free = 2
    async with pulling(nats_url, taker, lambda: max(0, free - len(taker.seen)), wake=wake) as js:
        for number in range(5):
            await js.publish("work.a", b"%d" % number)
        await taker.until(2)
        await asyncio.sleep(0.3)
        assert len(taker.seen) == 2
        assert (await js.consumer_info("WORK", "worker")).num_ack_pending == 0
        free = 5
        wake.set()
        await taker.until(5)


async def test_a_failing_handler_gets_its_messages_again(nats_url: str) -> None:
    taker = Taker()
    taker.fail_first = True
    async with pulling(nats_url, taker) as js:
        await js.publish("work.a", b"1")
        await taker.until(1)


async def test_a_deleted_stream_is_made_again_and_the_loop_goes_on(nats_url: str) -> None:
    taker = Taker()
    async with pulling(nats_url, taker) as js:
        await js.publish("work.a", b"1")
        await taker.until(1)
        await js.delete_stream("WORK")
        async with asyncio.timeout(20):
            while True:
                try:
                    await js.publish("work.a", b"2", timeout=0.5)
                    break
                except Exception:  # noqa: BLE001  not there yet
                    await asyncio.sleep(0.05)
        await taker.until(2)


async def test_the_loop_survives_a_killed_server(nats_server: NatsServer) -> None:
    taker = Taker()
    async with pulling(nats_server.url, taker) as js:
        await js.publish("work.a", b"1")
        await taker.until(1)
        restarted = restart(nats_server)
        try:
            await asyncio.to_thread(restarted.wait)
            async with asyncio.timeout(20):
                while True:
                    try:
                        await js.publish("work.a", b"2", timeout=1)
                        break
                    except Exception:  # noqa: BLE001  not connected yet
                        await asyncio.sleep(0.05)
            await taker.until(2)
        finally:
            restarted.stop()


def restart(server: NatsServer) -> NatsServer:
    """Kill the server as a crash would and start another on the same folder and port."""
    server._child._process.kill()
    server._child._process.wait()
    again = NatsServer(server._dir, server.port)
    again.start()
    return again


@pytest.mark.parametrize("moment", range(3))
async def test_cancelling_loses_no_message(nats_url: str, moment: int) -> None:
    taker = Taker()
    async with pulling(nats_url, taker) as js:
        await asyncio.gather(*(js.publish("work.a", b"%d" % number) for number in range(300)))
        await taker.until(moment * 50)
    rest = Taker()
    rest.seen = taker.seen
    async with pulling(nats_url, rest):
        async with asyncio.timeout(20):
            while len(set(rest.seen)) < 300:
                await asyncio.sleep(0.01)
    assert msgspec.convert(sorted(set(map(int, rest.seen))), list[int]) == list(range(300))


async def test_what_was_asked_for_is_handed_over_though_the_room_has_gone(nats_url: str) -> None:
    taker, free = Taker(), 1
    async with pulling(nats_url, taker, lambda: free) as js:
        await until(lambda: waiting_requests(js, 1))
        free = 0
        await js.publish("work.a", b"1")
        await taker.until(1, seconds=0.8)


async def test_a_handler_that_is_cancelled_gets_its_messages_again_at_once(nats_url: str) -> None:
    entered = asyncio.Event()

    async def hang(_messages: list[Msg]) -> None:
        entered.set()
        await asyncio.Event().wait()

    async with pulling(nats_url, hang) as js:
        await js.publish("work.a", b"1")
        await entered.wait()
    taker = Taker()
    async with pulling(nats_url, taker):
        await taker.until(1, seconds=1)


async def test_the_loop_ends_though_its_handler_swallows_the_cancellation(nats_url: str) -> None:
    begun = asyncio.Event()

    async def handle(messages: list[Msg]) -> None:
        begun.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        for message in messages:
            await message.ack()

    client = await connect(nats_url, "test")
    await ensure_stream(client.jetstream(), STREAM)
    task = asyncio.create_task(pull(client.jetstream(), "WORK", "worker", lambda: 256, handle))
    await client.jetstream().publish("work.a", b"1")
    await begun.wait()
    task.cancel()
    done, _ = await asyncio.wait({task}, timeout=10)
    await client.close()
    assert done
    assert task.cancelled()


async def test_a_consumer_that_is_gone_is_an_error_without_recovery(nats_url: str) -> None:
    client = await connect(nats_url, "test")
    js = client.jetstream()
    await ensure_stream(js, STREAM)
    async with asyncio.timeout(10):
        with pytest.raises(ConsumerGone):
            await pull(js, "WORK", "nobody", lambda: 1, Taker())
    await client.close()


async def test_a_consumer_deleted_while_the_loop_waits_is_noticed(nats_url: str) -> None:
    taker = Taker()
    async with pulling(nats_url, taker) as js:
        await until(lambda: waiting_requests(js, 1))
        await js.delete_consumer("WORK", "worker")
        await js.publish("work.a", b"1")
        await taker.until(1, seconds=5)


async def test_a_loop_that_cannot_recover_waits_longer_each_time(nats_url: str) -> None:
    tries = []
    client = await connect(nats_url, "test")

    async def recover() -> None:
        tries.append(time.monotonic())

    task = asyncio.create_task(
        pull(client.jetstream(), "NONE", "nobody", lambda: 1, Taker(), recover=recover)
    )
    async with asyncio.timeout(10):
        while len(tries) < 4:
            await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await client.close()
    pauses = [later - earlier for earlier, later in pairwise(tries)]
    assert pauses == sorted(pauses)
    assert pauses[-1] > 3 * pauses[0]


async def test_a_silent_link_leaves_one_request_at_the_server(nats_server: NatsServer) -> None:
    """However often the loop asked anew, the server never holds more than what there is room for."""
    taker = Taker()
    async with pulling(nats_server.url, taker, lambda: 1, idle_seconds=0.2) as js:
        await until(lambda: waiting_requests(js, 1))
        os.kill(nats_server.pid, signal.SIGSTOP)
        await asyncio.sleep(4)
        os.kill(nats_server.pid, signal.SIGCONT)
        await until(lambda: waiting_requests(js, 1))
        await js.publish("work.a", b"1")
        await taker.until(1)
        inboxes = [sub for sub in js._nc._subs.values() if sub._cb is not None and "MSG" not in sub.subject]
        assert len(inboxes) <= 2, "old inboxes are still listened to"


class Shared:
    """Room that is taken for each request, and given back for what does not come."""

    def __init__(self, free: int) -> None:
        self.free = free
        self.asked = 0

    def take(self) -> int:
        taken, self.free = self.free, 0
        self.asked += taken > 0
        return taken

    def give_back(self, count: int) -> None:
        self.free += count


async def test_room_that_brought_nothing_is_given_back_when_the_request_ends(nats_url: str) -> None:
    room = Shared(3)
    options = {"unused": room.give_back, "expires": lambda: 0.2}
    async with pulling(nats_url, Taker(), room.take, **options) as js:
        await until(lambda: waiting_requests(js, 1))
        assert room.free == 0
        await until(lambda: _is(room.asked >= 3))
    assert room.free == 3


async def test_room_that_messages_came_for_stays_taken(nats_url: str) -> None:
    room, taker = Shared(3), Taker()
    options = {"unused": room.give_back, "expires": lambda: 0.2}
    async with pulling(nats_url, taker, room.take, **options) as js:
        await js.publish("work.a", b"1")
        await taker.until(1)
        await until(lambda: _is(room.asked >= 3))
    assert room.free == 2


async def test_room_is_given_back_when_the_server_goes(nats_server: NatsServer) -> None:
    room = Shared(3)
    async with pulling(nats_server.url, Taker(), room.take, unused=room.give_back) as js:
        await until(lambda: waiting_requests(js, 1))
        restarted = restart(nats_server)
        try:
            await asyncio.to_thread(restarted.wait)
            await until(lambda: _is(room.asked >= 2))
        finally:
            restarted.stop()
    assert room.free == 3


async def test_room_is_given_back_when_the_consumer_goes(nats_url: str) -> None:
    room = Shared(3)
    async with pulling(nats_url, Taker(), room.take, unused=room.give_back) as js:
        await until(lambda: waiting_requests(js, 1))
        await js.delete_consumer("WORK", "worker")
        await until(lambda: _is(room.asked >= 2))
    assert room.free == 3


@pytest.mark.parametrize("room", [0, 1])
async def test_a_loop_ends_when_its_connection_is_closed_for_good(nats_url: str, room: int) -> None:
    client = await connect(nats_url, "test")
    js = client.jetstream()
    await ensure_stream(js, STREAM)
    task = asyncio.create_task(pull(js, "WORK", "worker", lambda: room, Taker()))
    await until(lambda: waiting_requests(js, room))
    await client.close()
    async with asyncio.timeout(5):
        with pytest.raises(ConnectionClosedError):
            await task


async def _is(answer: bool) -> bool:
    return answer


async def waiting_requests(js: Any, count: int) -> bool:
    return (await js.consumer_info("WORK", "worker")).num_waiting == count


async def until(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not await condition():
            await asyncio.sleep(0.02)
