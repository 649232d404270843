"""Links that die without a word: found, replaced, and the work goes on within half a minute."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import httpx
import pytest

from chaos.edges import Mode
from chaos.system import System, system

pytestmark = pytest.mark.timeout(180)

SERVICES = {
    "gateway": "gateway",
    "orchestrator-1": "orchestrator",
    "worker-1": "chaos.worker",
    "notifier": "notifier",
}
RECOVERY_SECONDS = 30.0
USUAL_SECONDS = 10.0
"""What a job takes at most when nothing is wrong, on a busy machine."""
DONE = "SELECT 1 FROM notifier.deliveries WHERE job_id = $1 AND event = 'completed' AND status = 'delivered'"


@pytest.fixture
async def whole(tmp_path: Path) -> AsyncIterator[System]:
    async with system(tmp_path / "system", SERVICES, lucky=True) as started:
        yield started


async def submit(whole: System) -> str:
    body = {"primary_keyword": "x", "company_url": "https://example.com", "callback_url": whole.callbacks[0]}
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    async with httpx.AsyncClient(base_url=whole.gateway_url, trust_env=False, timeout=20) as client:
        while True:  # bounded by the test's timeout
            answer = await client.post("/write-async", json=body, headers=headers)
            if answer.status_code == 202:
                return str(answer.json()["job_id"])
            await asyncio.sleep(0.2)


@pytest.mark.parametrize("way", [0, 1], ids=["what is said gets lost", "what is answered gets lost"])
@pytest.mark.parametrize(
    "edges",
    [("orchestrator-postgres", "notifier-postgres"), ("orchestrator-nats", "workers-nats", "notifier-nats")],
    ids=["postgres", "nats"],
)
async def test_work_goes_on_over_new_links(whole: System, edges: tuple[str, ...], way: int) -> None:
    async with asyncpg.create_pool(whole.postgres.url, min_size=0, max_size=1) as pool:
        before = await submit(whole)
        while await pool.fetchval("SELECT count(*) FROM jobs.stage_runs WHERE job_id = $1", before) < 2:
            await asyncio.sleep(0.02)
        for edge in edges:
            whole.edges[edge].become(Mode.HALF_OPEN, dead=way)
        died = time.monotonic()
        for job_id in (before, await submit(whole)):
            while not await pool.fetchval(DONE, job_id):
                assert time.monotonic() - died < RECOVERY_SECONDS + USUAL_SECONDS
                await asyncio.sleep(0.1)
    assert {name: process.exits for name, process in whole.processes.items() if process.exits} == {}
