"""Connections to NATS: refused at once, kept for ever, and given up where nothing can bring them back."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from collections.abc import Iterator

import pytest
from nats.errors import FlushTimeoutError

from blog_writer.embedded.nats import NatsServer
from chassis import broker
from chassis.broker import Outgoing, Publisher, connect, ensure_stream, faststream_broker, lost, stop_broker
from chassis.errors import ConnectionLost, ServerUnreachable
from contracts.streams import Stream

STREAM = Stream(name="WORK", subjects=("work.*",), retention="workqueue", max_age_seconds=0)


@pytest.fixture
def mute_url() -> Iterator[str]:
    """Something that takes connections and says nothing."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield f"nats://127.0.0.1:{server.getsockname()[1]}"


async def test_a_server_that_is_not_there_is_said_at_once() -> None:
    started = time.monotonic()
    with pytest.raises(ServerUnreachable, match=r"NATS_URL: .*Connect call failed"):
        await connect("nats://127.0.0.1:1", "test")
    assert time.monotonic() - started < 3


async def test_a_server_that_says_nothing_is_given_up(mute_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker, "CONNECT_SECONDS", 0.5)
    async with asyncio.timeout(5):
        with pytest.raises(ServerUnreachable, match="NATS_URL"):
            await connect(mute_url, "test")


async def test_an_address_that_is_none_is_said() -> None:
    with pytest.raises(ServerUnreachable, match="NATS_URL"):
        await connect("nats://", "test")


async def test_a_connection_comes_back_after_the_server_was_away(nats_server: NatsServer) -> None:
    nats_server._wanted_port = nats_server.port
    closed = asyncio.Event()
    client = await connect(nats_server.url, "test", closed.set)
    nats_server.stop()
    await asyncio.sleep(1)
    nats_server.start()
    nats_server.wait()
    async with asyncio.timeout(20):
        while not client.is_connected:
            await asyncio.sleep(0.02)
    assert not closed.is_set()
    await client.close()


async def test_a_connection_that_is_closed_for_good_is_an_error(nats_url: str) -> None:
    closed = asyncio.Event()
    client = await connect(nats_url, "test", closed.set)
    losing = asyncio.create_task(lost(closed))
    await client._process_err("'User Authentication Expired'")
    async with asyncio.timeout(5):
        with pytest.raises(ConnectionLost, match="NATS_URL"):
            await losing


async def test_a_late_answer_that_nobody_waits_for_leaves_the_client_listening(
    nats_server: NatsServer,
) -> None:
    client = await connect(nats_server.url, "test")
    os.kill(nats_server.pid, signal.SIGSTOP)
    with pytest.raises(FlushTimeoutError):
        await client.flush(timeout=1)
    os.kill(nats_server.pid, signal.SIGCONT)
    await client.flush(timeout=5)
    assert not client._reading_task.done()
    await client.close()


async def test_a_faststream_broker_says_so_too_and_can_still_be_stopped(nats_url: str) -> None:
    closed = asyncio.Event()
    one = faststream_broker(nats_url, "test", closed.set)

    @one.subscriber("some.subject")
    async def handle(_message: str) -> None:
        """Nothing comes."""

    await one.start()
    await one._connection._process_err("'User Authentication Expired'")
    async with asyncio.timeout(5):
        await closed.wait()
    await stop_broker(one)


async def test_only_what_the_stream_has_counts_as_published(nats_url: str) -> None:
    client = await connect(nats_url, "test")
    js = client.jetstream()
    await ensure_stream(js, STREAM)
    good, bad = Outgoing("work.a", b"1", "1"), Outgoing("nobody.listens", b"2", "2")
    confirmed = await Publisher(js).publish_all([good, bad, good])
    assert confirmed == [good, good]
    assert (await js.stream_info("WORK")).state.messages == 1
    await client.close()
