"""A database with ended jobs, a broker, a receiver of webhooks that does as it is told, and the notifier itself."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from datetime import UTC, datetime
from typing import Any

import asyncpg
import msgspec
import pytest
from nats.js import JetStreamContext
from standardwebhooks import Webhook
from tests.running_service import running

from chassis.broker import Outgoing, Publisher, connect, ensure_stream
from chassis.migrate import migrate
from contracts import codec, subjects
from contracts.events import Cancelled, Completed, Event, Failed, cloudevents_headers, event_id
from contracts.ids import JobId
from contracts.streams import EVENTS
from notifier.service import run
from notifier.settings import Settings

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ARTICLE = '{"headline": "Warm rooms", "slug": "warm-rooms", "html": "<p>é</p>"}'


async def _until(condition: Callable[[], bool | Awaitable[bool]], seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while True:
            answer = condition()
            if answer if isinstance(answer, bool) else await answer:
                return
            await asyncio.sleep(0.01)


@pytest.fixture
def until() -> Callable[..., Awaitable[None]]:
    """Wait until a condition holds."""
    return _until


class Sink:
    """An HTTP server that notes every POST, verifies it with the specification's library, and answers by script."""

    def __init__(self) -> None:
        self.received: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[str] = []
        """Status lines with headers, used up one by one; then it is 204. ``hang`` never answers."""
        self.always = "204 No Content"
        self.secret = SECRET
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[Any]] = set()
        self.port = 0

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for connection in list(self._connections):
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def payloads(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.received]

    @property
    def ids(self) -> list[str]:
        return [headers["webhook-id"] for headers, _ in self.received]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        try:
            lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {
                name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])
            }
            body = await reader.readexactly(int(headers["content-length"]))
            assert lines[0].startswith("POST /hook")
            Webhook(self.secret).verify(body, headers)
            self.received.append((headers, body))
            answer = self.answers.pop(0) if self.answers else self.always
            if answer == "hang":
                await asyncio.Event().wait()
            writer.write(f"HTTP/1.1 {answer}\r\nConnection: close\r\n\r\n".encode())
            await writer.drain()
        finally:
            writer.close()


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    server = Sink()
    await server.start()
    yield server
    await server.stop()


class Jobs:
    """Ends jobs as the orchestrator does: rows first, then the event."""

    ARTICLE = ARTICLE

    def __init__(self, connection: asyncpg.Connection, js: JetStreamContext) -> None:
        self.js = js
        self.connection = connection
        self._publisher = Publisher(js)

    async def end(
        self, url: str | None, state: str = "completed", *, seq: int = 5, tell: bool = True
    ) -> Event:
        event = _event(state, seq)
        await self._insert(event, state, url)
        if tell:
            await self.publish(event)
        return event

    async def publish(self, event: Event, copy: str = "") -> None:
        await self._publisher.publish(
            Outgoing(
                subjects.event(event),
                codec.encode(event),
                event_id(event) + copy,
                cloudevents_headers(event, event_id(event)),
            )
        )

    async def _insert(self, event: Event, state: str, url: str | None) -> None:
        await self.connection.execute(
            """INSERT INTO jobs.jobs (job_id, tenant, state, priority, primary_keyword, company_url, language, country,
                callback_url, created_at, queued_at, finished_at, run, round, seq, stages_completed,
                progress_percent, doc, request)
            VALUES ($1, 'default', $2, 2, 'k', 'http://c', 'en', 'US', $3, $4, $4, $4, 1, 0, $5, 13, 100, '{}', '{}')""",
            uuid.UUID(event.job_id), state, url, event.at, event.seq,
        )  # fmt: skip
        await self.connection.execute(
            "INSERT INTO jobs.events (job_id, seq, type, at, body) VALUES ($1, $2, $3, $4, $5)",
            uuid.UUID(event.job_id), event.seq, state, event.at, codec.encode(event).decode(),
        )  # fmt: skip
        if state == "completed":
            await self.connection.execute(
                """INSERT INTO jobs.results (job_id, tenant, slug, headline, primary_keyword, result, created_at)
                VALUES ($1, 'default', 's', 'h', 'k', $2, $3)""",
                uuid.UUID(event.job_id), ARTICLE, event.at,
            )  # fmt: skip

    async def deliveries(self, event: Event) -> list[asyncpg.Record]:
        rows: list[asyncpg.Record] = await self.connection.fetch(
            "SELECT * FROM notifier.deliveries WHERE job_id = $1", event.job_id
        )
        return rows

    async def status(self, event: Event) -> str | None:
        rows = await self.deliveries(event)
        return rows[0]["status"] if rows else None

    async def has(self, event: Event, status: str) -> bool:
        return await self.status(event) == status

    async def reasons(self, event: Event) -> list[str]:
        rows = await self.connection.fetch(
            """SELECT a.reason FROM notifier.attempts AS a JOIN notifier.deliveries AS d ON d.id = a.delivery_id
            WHERE d.job_id = $1 ORDER BY a.number""",
            event.job_id,
        )
        return [row["reason"] for row in rows]


def _event(state: str, seq: int) -> Event:
    about: dict[str, Any] = {
        "job_id": JobId(str(uuid.uuid4())),
        "seq": seq,
        "at": datetime.now(UTC),  # noqa: TID251  the database compares it with its own clock
        "tenant": "default",
    }
    if state == "completed":
        return Completed(
            **about,
            headline="h",
            slug="s",
            word_count=1,
            quality_score=80,
            quality_passed=True,
            duration_seconds=1,
        )
    if state == "failed":
        return Failed(**about, error="no sources", error_code="no_sources", stage=None, duration_seconds=1)
    return Cancelled(**about)


@pytest.fixture
async def jobs(database_url: str, nats_url: str) -> AsyncIterator[Jobs]:
    async with AsyncExitStack() as stack:
        connection = await asyncpg.connect(database_url)
        stack.push_async_callback(connection.close)
        await migrate(connection, "jobs", "orchestrator")
        await migrate(connection, "notifier", "notifier")
        client = await connect(nats_url, "test")
        stack.push_async_callback(client.close)
        await ensure_stream(client.jetstream(), EVENTS)
        yield Jobs(connection, client.jetstream())


@pytest.fixture
def settings(database_url: str, nats_url: str) -> Settings:
    return Settings(
        database_url=database_url,
        nats_url=nats_url,
        webhook_secret=(SECRET,),
        webhook_timeout_seconds=1,
        webhook_retry_seconds=(0, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1),
        webhook_sweep_seconds=60,
        allow_private_networks=("127.0.0.0/8",),
    )


@pytest.fixture
def notifying(settings: Settings) -> Callable[..., AbstractAsyncContextManager[None]]:
    """Run the notifier, with some settings changed if need be."""
    return lambda **changes: running(run, msgspec.structs.replace(settings, **changes), None)
