"""A gateway whose database says nothing any more: refused in time while it lasts, accepted again soon after."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from chaos.edges import Mode
from chaos.system import System, system

pytestmark = pytest.mark.timeout(150)

AT_ONCE = 25
"""More than the gateway's pool has connections."""
ANSWER_SECONDS = 3.0
"""The gateway's two, and what a busy machine adds."""
RECOVERY_SECONDS = 15.0


@pytest.fixture
async def whole(tmp_path: Path) -> AsyncIterator[System]:
    async with system(tmp_path / "gateway", {"gateway": "gateway"}) as started:
        yield started


async def submit(client: httpx.AsyncClient) -> tuple[httpx.Response, float]:
    started = time.monotonic()
    body = {"primary_keyword": "silence", "company_url": "https://example.com"}
    answer = await client.post("/write-async", json=body, headers={"Idempotency-Key": str(uuid.uuid4())})
    return answer, time.monotonic() - started


async def all_accepted(client: httpx.AsyncClient) -> None:
    """Return once all of many submissions are accepted; on a busy machine the first may be too many at once."""
    end = time.monotonic() + RECOVERY_SECONDS
    while True:
        answers = await asyncio.gather(*(submit(client) for _ in range(AT_ONCE)))
        if all(answer.status_code == 202 for answer, _ in answers):
            return
        assert time.monotonic() < end, f"not accepted for {RECOVERY_SECONDS} s"


@pytest.mark.parametrize(
    ("mode", "dead"),
    [(Mode.BLACKHOLE, 0), (Mode.HALF_OPEN, 0), (Mode.HALF_OPEN, 1)],
    ids=["blackhole", "questions get lost", "answers get lost"],
)
async def test_a_silent_database_is_said_so_in_time(whole: System, mode: Mode, dead: int) -> None:
    async with httpx.AsyncClient(base_url=whole.gateway_url, trust_env=False, timeout=30) as client:
        await all_accepted(client)  # the pool is full of connections then
        edge = whole.edges["gateway-postgres"]
        edge.become(mode, dead=dead)
        for _ in range(2):
            answers = await asyncio.gather(*(submit(client) for _ in range(AT_ONCE)))
            late = [seconds for _, seconds in answers if seconds > ANSWER_SECONDS]
            assert late == []
            refused = [answer for answer, _ in answers if answer.status_code != 202]
            assert all(answer.status_code == 503 and answer.headers["retry-after"] for answer in refused)
            assert refused or mode is Mode.HALF_OPEN, "new connections work on a half-open edge only"
        edge.heal()
        await all_accepted(client)
