"""A reader that does not read: it holds up nobody else, costs a bounded buffer, and loses its connection."""

from __future__ import annotations

import asyncio
import re
import socket
from typing import Any

import pytest

from gateway.feed import Feed

EVENTS = 12_000
"""Of a kilobyte each: more than the buffers of both sides of a connection hold."""


@pytest.fixture
def feeds(monkeypatch: pytest.MonkeyPatch) -> list[Feed]:
    """The feeds of the gateways that are started."""
    made: list[Feed] = []

    def new() -> Feed:
        made.append(Feed())
        return made[-1]

    monkeypatch.setattr("gateway.service.Feed", new)
    return made


async def long_story(door: Any) -> str:
    """Return a job with more events than any reader takes in one go."""
    job_id = await door.submit()
    await door.until(job_id, "running", seconds=30)
    await door.pool.execute(
        "INSERT INTO jobs.events (job_id, seq, type, at, body)"
        " SELECT $1, 100 + n, 'stage_retrying', now(),"
        " json_build_object('type', 'stage_retrying', 'seq', 100 + n, 'reason', repeat('x', 1000))"
        " FROM generate_series(1, $2::int) AS n",
        job_id,
        EVENTS,
    )
    return str(job_id)


async def ask(door: Any, job_id: str, last: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Ask for the stream over a socket with a small buffer, and read nothing."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.setblocking(False)
    await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", door.port))
    reader, writer = await asyncio.open_connection(sock=raw, limit=2048)
    writer.write(
        f"GET /jobs/{job_id}/events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n"
        f"Last-Event-ID: {last}\r\nConnection: close\r\n\r\n".encode()
    )
    await writer.drain()
    return reader, writer


async def listeners(feeds: list[Feed], count: int) -> None:
    async with asyncio.timeout(60):
        while len(feeds[0]) != count:
            await asyncio.sleep(0.05)


async def test_a_reader_that_never_reads_loses_its_connection(
    door: Any, feeds: list[Feed], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chassis.http.UNREAD_SECONDS", 2.0)
    async with door.gateway(), door.orchestrator():
        job_id = await long_story(door)
        _, writer = await ask(door, job_id, 100)
        await listeners(feeds, 1)
        others = await door.http.get("/jobs", timeout=30)
        await listeners(feeds, 0)
        writer.transport.abort()
    assert others.status_code == 200


async def test_a_reader_that_comes_back_late_is_told_so_and_goes_on_where_it_was(
    door: Any, feeds: list[Feed], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.events.SLOW_SECONDS", 0.5)
    monkeypatch.setattr("chassis.http.UNREAD_SECONDS", 60.0)
    async with door.gateway(), door.orchestrator():
        job_id = await long_story(door)
        reader, writer = await ask(door, job_id, 100)
        await listeners(feeds, 1)
        await asyncio.sleep(1.5)  # the reader's own pause, longer than SLOW_SECONDS
        text = (await asyncio.wait_for(reader.read(-1), 60)).decode()
        writer.close()
        seen = [int(number) for number in re.findall(r"^id: (\d+)", text, re.MULTILINE)]
        assert len(seen) < EVENTS, "the pause was no pause: everything fitted into buffers"
        assert re.search(
            r"^: cut off: nothing was read for \d+ s; go on with Last-Event-ID", text, re.MULTILINE
        )
        assert "retry: 2000" in text
        rest = (await door.http.get(f"/jobs/{job_id}/events?after={seen[-1]}&limit=1")).json()["events"]
    assert seen == list(range(101, 101 + len(seen)))
    assert rest[0]["seq"] == seen[-1] + 1
