"""A job's story is the same by every way, and a follower may change from one to another in the middle of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import nats
import pytest
from tests.running_service import running

import gateway.service
import gateway.settings
import notifier.service
import notifier.settings
import orchestrator.service
import orchestrator.settings
from blog_writer.client import AsyncClient, verify_webhook
from blog_writer.embedded.child import free_port
from blog_writer.migrations import migrate_all
from chassis.broker import connect
from chassis.pull import pull
from contracts import codec, streams, subjects
from contracts.commands import RunStage
from contracts.events import StageProgress
from contracts.payloads import Inline
from contracts.results import StageDone, StageResult, Summary, Verdict
from contracts.stages import StageId

SECRET = "whsec_" + "c2VjcmV0" * 5
PATIENCE = 60.0
ARTICLE = {"success": True, "headline": "All about energy", "html_content": "<p>energy</p>"}
TURNS = (StageId.RESEARCH, StageId.QUALITY)
"""Where the workers wait until all followers have changed over."""


class Workers:
    """Every stage is done at once with some words of progress, but at a turn they wait for all followers."""

    def __init__(self) -> None:
        self.turns = {stage: asyncio.Event() for stage in TURNS}

    @asynccontextmanager
    async def at_work(self, nats_url: str) -> AsyncIterator[None]:
        client = await connect(nats_url, "workers")
        self.js = client.jetstream()
        names = [streams.stage_durable(stage) for stage in StageId]
        tasks = [
            asyncio.create_task(pull(self.js, "BLOG_STAGES", name, lambda: 16, self.do)) for name in names
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await client.close()

    async def do(self, messages: list[Any]) -> None:
        for message in messages:
            command = codec.decode(message.data, RunStage)
            await self.js._nc.publish(*progress(command))
            if command.stage in self.turns:
                await self.turns[command.stage].wait()
            result = done(command)
            await self.js.publish(subjects.result(command.job_id, command.stage), codec.encode(result))
            await message.ack()


def progress(command: RunStage) -> tuple[str, bytes]:
    event = StageProgress(
        job_id=command.job_id, seq=None, at=command.deadline_at, tenant="default", stage=command.stage,
        name="stage", round=command.round, attempt=command.attempt, message="at it",
    )  # fmt: skip
    return subjects.event(event), codec.encode(event)


def done(command: RunStage) -> StageResult:
    summary = Summary(headline="All about energy", slug="energy", word_count=900, aeo_score=87.5)
    outcome = StageDone(
        output=Inline(msgspec.Raw(json.dumps(ARTICLE).encode())),
        verdict=Verdict(passed=True, score=87.5) if command.stage is StageId.QUALITY else None,
        summary=summary if command.stage is StageId.PUBLISH else None,
    )
    return StageResult(
        job_id=command.job_id, stage=command.stage, run=command.run, round=command.round,
        attempt=command.attempt, outcome=outcome, started_at=command.deadline_at, finished_at=command.deadline_at,
    )  # fmt: skip


class Sink:
    """A receiver of webhooks."""

    def __init__(self) -> None:
        self.received: list[tuple[dict[str, str], bytes]] = []

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        async with server:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode().split("\r\n")[1:]
                headers = {
                    name.lower(): value for name, _, value in (line.partition(": ") for line in lines) if name
                }
                body = await reader.readexactly(int(headers["content-length"]))
                self.received.append((headers, body))
                writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


class Place:
    """The running services."""

    def __init__(self, urls: list[str], nats_url: str, hook: str, sink: Sink, workers: Workers) -> None:
        self.urls, self.nats_url, self.hook, self.sink, self.workers = urls, nats_url, hook, sink, workers


@pytest.fixture
async def place(
    database_url: str, nats_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Place]:
    """An orchestrator, a notifier, workers and two gateways, which here have time to wait for a busy disk."""
    monkeypatch.setattr("gateway.service.COMMAND_SECONDS", PATIENCE)
    monkeypatch.setattr("gateway.store.COMMAND_SECONDS", PATIENCE)
    await migrate_all(database_url)
    common = {"database_url": database_url, "nats_url": nats_url}
    ports = [free_port(), free_port()]
    async with AsyncExitStack() as stack:
        start = stack.enter_async_context
        sink, workers = Sink(), Workers()
        hook = await start(sink.listening())
        await start(running(orchestrator.service.run, orchestrator.settings.Settings(**common), PATIENCE))
        posting = notifier.settings.Settings(
            **common, webhook_secret=(SECRET,), allow_private_networks=("127.0.0.0/8",)
        )
        await start(running(notifier.service.run, posting, PATIENCE))
        for port in ports:
            settings = gateway.settings.Settings(
                **common,
                article_store=tmp_path.as_uri(),
                port=port,
                allow_private_networks=("127.0.0.0/8",),
            )
            await start(running(gateway.service.run, settings, PATIENCE))
        await start(workers.at_work(nats_url))
        yield Place([f"http://127.0.0.1:{port}" for port in ports], nats_url, hook, sink, workers)


async def by_stream(place: Place, job_id: str, after: int) -> AsyncIterator[dict[str, Any]]:
    """Server-sent events, from another gateway than the poll asks."""
    async with AsyncClient(place.urls[0]) as client, aclosing(client.stream(job_id, after)) as events:
        async for event in events:
            yield event


async def by_poll(place: Place, job_id: str, after: int) -> AsyncIterator[dict[str, Any]]:
    async with AsyncClient(place.urls[1]) as client:
        while True:
            page = await client.events(job_id, after, limit=3)
            for event in page["events"]:
                yield event
            after = page["next_after"]
            if not page["events"]:
                await asyncio.sleep(0.05)


async def by_nats(place: Place, job_id: str, after: int) -> AsyncIterator[dict[str, Any]]:
    client = await nats.connect(place.nats_url)
    try:
        subscription = await client.jetstream().subscribe(f"blog.events.{job_id}.*", ordered_consumer=True)
        async for message in subscription.messages:
            event = json.loads(message.data)
            if event["seq"]:
                assert message.headers["ce-id"] == f"{job_id}/{event['seq']}"
                assert message.headers["ce-sequence"] == str(event["seq"])
                assert message.headers["ce-type"] == f"blog.{event['type']}"
            if event["seq"] is None or event["seq"] > after:
                yield event
    finally:
        await client.close()


WAYS = (by_stream, by_poll, by_nats)


async def follow(place: Place, job_id: str, way: Any, after: int, until: Any) -> list[dict[str, Any]]:
    """Return the numbered events by one way after a number, up to the one that is waited for."""
    found = []
    async with asyncio.timeout(PATIENCE), aclosing(way(place, job_id, after)) as events:
        async for event in events:
            if event["seq"]:
                found.append(event)
                if until(event):
                    break
    return found


def starts(stage: StageId) -> Any:
    return lambda event: event["type"] == "stage_started" and event["stage"] == stage


def completes(event: dict[str, Any]) -> bool:
    return event["type"] == "completed"


async def leg(place: Place, stories: dict[str, list[dict[str, Any]]], turn: int, until: Any) -> None:
    """Follow each job on by another way than the one before it, and than on the leg before."""

    async def go(number: int, job_id: str) -> None:
        way = WAYS[(number + turn) % len(WAYS)]
        after = stories[job_id][-1]["seq"] if stories[job_id] else 0
        stories[job_id] += await follow(place, job_id, way, after, until)

    await asyncio.gather(*(go(number, job_id) for number, job_id in enumerate(stories)))


async def test_a_follower_may_change_between_the_four_ways_in_the_middle_of_a_job(place: Place) -> None:
    async with AsyncClient(place.urls[0]) as client:
        request = {
            "primary_keyword": "energy",
            "company_url": "https://example.com",
            "callback_url": place.hook,
        }
        jobs = [(await client.submit(request))["job_id"] for _ in WAYS]
        stories: dict[str, list[dict[str, Any]]] = {job_id: [] for job_id in jobs}
        for turn, stage in enumerate(TURNS):
            await leg(place, stories, turn, starts(stage))
            place.workers.turns[stage].set()
        await leg(place, stories, len(TURNS), completes)
        whole = {job_id: [await follow(place, job_id, way, 0, completes) for way in WAYS] for job_id in jobs}
        statuses = {job_id: await client.wait(job_id, PATIENCE) for job_id in jobs}
        async with asyncio.timeout(PATIENCE):
            while len(place.sink.received) < len(jobs):
                await asyncio.sleep(0.02)
    for job_id, story in stories.items():
        assert [event["seq"] for event in story] == list(range(1, len(story) + 1))
        assert all(other == story for other in whole[job_id])
        assert statuses[job_id]["status"] == "completed"
    hooks = {}
    for headers, body in place.sink.received:
        payload = verify_webhook(body, headers, SECRET)
        hooks[payload["job_id"]] = payload
    for job_id, story in stories.items():
        last, hook = story[-1], hooks[job_id]
        assert (hook["event"], hook["seq"], hook["timestamp"]) == (last["type"], last["seq"], last["at"])
        assert hook["result"] == statuses[job_id]["result"]
