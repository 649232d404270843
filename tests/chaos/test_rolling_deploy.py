"""Two releases side by side, under load, while one replaces the other process by process."""

from __future__ import annotations

import asyncio
import signal
import uuid
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx
import msgspec
import pytest
import pytest_asyncio

from chaos import evidence as gathering
from chaos.checker import check
from chaos.evidence import Evidence
from chaos.records import Accepted, Fault, now
from chaos.system import CAP, System, system
from chassis.broker import connect
from contracts import streams
from contracts.stages import StageId

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

SERVICES = {
    "gateway-1": "gateway",
    "gateway-2": "gateway",
    "orchestrator-1": "orchestrator",
    "orchestrator-2": "orchestrator",
    "worker-1": "chaos.worker",
    "worker-2": "chaos.worker",
    "notifier-1": "notifier",
    "notifier-2": "notifier",
}
LATER = {
    "gateway": "gateway",
    "orchestrator": "orchestrator",
    "chaos.worker": "worker",
    "notifier": "notifier",
}
FIRST = ("gateway-2", "orchestrator-2", "notifier-2", "worker-2")
"""Against the order that is advised, so that old workers meet new commands, and old orchestrators new gateways'."""
SECOND = ("gateway-1", "notifier-1", "worker-1", "orchestrator-1")
OLD_STAGES = {stage.value for stage in StageId}
NEW_STAGES = OLD_STAGES - {"stage_06"} | {"stage_115"}
REST_SECONDS = 150.0


class Deploy:
    """The system, the traffic on it, and what came of both."""

    def __init__(self, whole: System, pool: asyncpg.Pool, client: Any) -> None:
        self.whole = whole
        self.pool = pool
        self.js = client.jetstream()
        self.http = httpx.AsyncClient(trust_env=False, timeout=20)
        self.answers: Counter[int] = Counter()
        self.job_ids: list[str] = []

    async def submit(self) -> None:
        """Submit a job as a client behind a load balancer does: to a gateway that is ready."""
        key = str(uuid.uuid4())
        body = {
            "primary_keyword": "deploy",
            "company_url": "https://example.com",
            "callback_url": self.whole.callbacks[0],
        }
        for url in await self._ready_gateways():
            try:
                answer = await self.http.post(
                    f"{url}/write-async", json=body, headers={"Idempotency-Key": key}
                )
            except httpx.TransportError:
                continue  # it is on its way out; the key makes the next try the same job
            self.answers[answer.status_code] += 1
            job_id = str(answer.raise_for_status().json()["job_id"])
            self.job_ids.append(job_id)
            self.whole.journal.write(Accepted(at=now(), key=key, job_id=job_id, callback=True))
            return
        pytest.fail("no gateway took a job")

    async def _ready_gateways(self) -> list[str]:
        ready = [
            process.name
            for process in self.whole.processes.values()
            if process.name.startswith("gateway") and await process.ready(self.http)
        ]
        return [self.whole.urls[name] for name in sorted(ready, key=lambda _: uuid.uuid4().hex)]

    async def traffic(self, jobs: int, seconds: float) -> None:
        for _ in range(jobs):
            await self.submit()
            await asyncio.sleep(seconds)

    async def replace(self, name: str) -> None:
        """Stop one process as a deploy does, and start the later release in its place."""
        process = self.whole.processes[name]
        exits, asked = process.exits, now()
        process.module = f"chaos.later.{LATER[process.module]}"
        process.signal(signal.SIGTERM)
        assert await process.ended(exits, 20), f"{name} does not end"
        assert process.last_code == 0, f"{name} ended with {process.last_code}"
        await self.whole.until_ready()
        self.whole.journal.write(Fault(at=asked, kind="deploy", target=name, ended=now()))

    async def note(self) -> None:
        """Send a command that only the later release knows."""
        job_id = self.job_ids[0]
        text = {"type": "note", "job_id": job_id, "tenant": "default", "text": "well done"}
        await self.js.publish(f"blog.cmd.note.{job_id}", msgspec.json.encode(text))

    async def rest(self) -> Evidence:
        """Wait until all is done, and gather what is left behind."""
        left, _ = await gathering.quiet(self.pool, self.js, REST_SECONDS)
        facts = {
            **await gathering.rows(self.pool),
            **await asyncio.to_thread(gathering.written, self.whole.folder),
        }
        return Evidence(cap=CAP, leftovers=left, **facts)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def deploy(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Deploy]:
    folder = tmp_path_factory.mktemp("deploy")
    async with (
        system(folder, SERVICES, lucky=True) as whole,
        asyncpg.create_pool(whole.postgres.url, min_size=0, max_size=2) as pool,
    ):
        client = await connect(whole.nats.url, "deploy-test")
        running = Deploy(whole, pool, client)
        yield running
        await running.http.aclose()
        await client.close()


async def test_a_release_replaces_another_under_load_and_nobody_notices(deploy: Deploy) -> None:
    await deploy.traffic(6, 0.05)
    traffic = asyncio.create_task(deploy.traffic(16, 1.0))
    for name in FIRST:
        await deploy.replace(name)
    for _ in range(4):
        await deploy.note()
    await deploy.traffic(4, 0.2)
    async with asyncio.timeout(60):
        while (await deploy.js.stream_info(streams.COMMANDS.name)).state.messages:
            await asyncio.sleep(0.2)
    await traffic
    for name in SECOND:
        await deploy.replace(name)
    await deploy.traffic(4, 0.05)
    found = await deploy.rest()

    assert {name: broken for name, broken in check(found).items() if broken} == {}
    assert deploy.answers == {202: len(deploy.job_ids)}
    assert {job.state for job in found.jobs} == {"completed"}
    assert len(found.jobs) == len(deploy.job_ids) == 30
    versions = {
        row["job_id"]: row["pipeline_version"]
        for row in await deploy.pool.fetch("SELECT job_id::text, pipeline_version FROM jobs.jobs")
    }
    stages = defaultdict(set)
    for event in found.events:
        if event.type == "stage_completed":
            stages[event.job_id].add(event.body["stage"])
    for job_id, version in versions.items():
        assert stages[job_id] == {1: OLD_STAGES, 2: NEW_STAGES}[version]
    assert min(Counter(versions.values())[version] for version in (1, 2)) >= 4
    assert {process.module.partition(".")[0] for process in deploy.whole.processes.values()} == {"chaos"}
