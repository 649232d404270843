"""The worker as its composition root puts it together."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client

from chassis.errors import ConnectionLost
from contracts import codec, subjects
from contracts.commands import JobCancelled
from contracts.results import StageDone
from contracts.stages import StageId
from stage_workers import service
from stage_workers.settings import Settings


@asynccontextmanager
async def running(
    bench: Any, tmp_path: Path, registry: Mapping[StageId, Any], **options: Any
) -> AsyncIterator[tuple[asyncio.Task[None], asyncio.Event]]:
    ready, stop = asyncio.Event(), asyncio.Event()
    settings = Settings(nats_url=bench.server.url, article_store=f"file://{tmp_path}/articles", **options)
    task = asyncio.create_task(service.run(settings, ready, stop, registry))
    async with asyncio.timeout(20):
        await ready.wait()
    try:
        yield task, stop
    finally:
        stop.set()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_broadcast_cancels_what_runs_within_a_second(bench: Any, tmp_path: Path) -> None:
    stage, command = bench.stage(), bench.command()
    async with running(bench, tmp_path, {StageId.COMPANY: stage}):
        await bench.send(command)
        await bench.until(lambda: stage.running == 1)
        asked = time.monotonic()
        for job_id in (bench.command().job_id, command.job_id):
            message = codec.encode(JobCancelled(job_id=job_id))
            await bench.client.publish(subjects.cancelled(job_id), message)
        await bench.client.publish(subjects.cancelled(command.job_id), b"no JSON")
        await bench.until(lambda: stage.cancelled)
        assert stage.cancelled[0] - asked < 1
        await bench.until(lambda: _nothing_left(bench))
        assert await bench.results() == []


async def test_a_stage_can_still_be_cancelled_while_the_worker_drains(bench: Any, tmp_path: Path) -> None:
    stage, command = bench.stage(), bench.command()
    async with running(bench, tmp_path, {StageId.COMPANY: stage}) as (task, stop):
        await bench.send(command)
        await bench.until(lambda: stage.running == 1)
        stop.set()
        await asyncio.sleep(0.2)
        message = codec.encode(JobCancelled(job_id=command.job_id))
        await bench.client.publish(subjects.cancelled(command.job_id), message)
        async with asyncio.timeout(5):
            await task
    assert await bench.left() == 0


async def test_stopping_waits_for_what_runs(bench: Any, tmp_path: Path) -> None:
    stage = bench.stage()
    async with running(bench, tmp_path, {StageId.COMPANY: stage}) as (task, stop):
        await bench.send(bench.command())
        await bench.until(lambda: stage.running == 1)
        stop.set()
        await asyncio.sleep(0.2)
        assert not task.done()
        stage.gate.set()
        async with asyncio.timeout(5):
            await task
    assert isinstance((await bench.outcomes())[0], StageDone)


async def test_stopping_ends_at_the_time_set_for_it(bench: Any, tmp_path: Path) -> None:
    stage = bench.stage()
    async with running(bench, tmp_path, {StageId.COMPANY: stage}, drain_seconds=0.3) as (task, stop):
        await bench.send(bench.command())
        await bench.until(lambda: stage.running == 1)
        stop.set()
        async with asyncio.timeout(5):
            await task
    assert len(stage.cancelled) == 1
    assert await bench.left() == 1


async def test_only_the_chosen_stages_are_taken(bench: Any, tmp_path: Path) -> None:
    stage = bench.stage(opened=True)
    async with running(bench, tmp_path, dict.fromkeys(bench.outputs, stage), stages=("brief",)):
        await bench.send(bench.command(StageId.COMPANY), bench.command(StageId.BRIEF))
        (outcome,) = await bench.outcomes()
        assert isinstance(outcome, StageDone)
        await bench.never(lambda: len(stage.runs) > 1, seconds=1)
    assert await bench.left() == 1


@pytest.mark.parametrize("name", ["stage-workers", "stage-workers-control"])
async def test_a_connection_that_is_closed_for_good_ends_the_worker(
    bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """As after a refused sign-in: nats-py gives up, and nobody would ever hear a cancellation again."""
    clients = _remember_clients(monkeypatch)
    async with running(bench, tmp_path, {StageId.COMPANY: bench.stage()}) as (task, _):
        (client,) = (each for each in clients if each.is_connected and each.options["name"] == name)
        await client._process_err("'User Authentication Expired'")
        async with asyncio.timeout(10):
            with pytest.RaisesGroup(ConnectionLost, allow_unwrapped=True, flatten_subgroups=True):
                await task


def _remember_clients(monkeypatch: pytest.MonkeyPatch) -> list[Client]:
    clients: list[Client] = []
    connect = Client.connect

    async def remembered(self: Client, *args: Any, **options: Any) -> None:
        clients.append(self)
        await connect(self, *args, **options)

    monkeypatch.setattr(Client, "connect", remembered)
    return clients


async def _nothing_left(bench: Any) -> bool:
    return await bench.left() == 0
