"""A stage-worker whose thirteen stages do nothing but spend money outside: ``python -m chaos.worker``."""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import httpx

from chaos.outputs import done
from chaos.traffic import SITE
from chassis.lifecycle import main
from contracts.jobs import ArticleRequest
from contracts.stages import StageId
from stage_workers import service
from stage_workers.errors import FetchFailed
from stage_workers.outcome import Fail, Retry
from stage_workers.ports import StageContext
from stage_workers.registry import StageFunction
from stage_workers.settings import Settings

PROVIDER = "CHAOS_PROVIDER"
NAME = "CHAOS_NAME"
LUCKY = "CHAOS_LUCKY"
"""Set, every stage succeeds at once."""
RETRY_SHARE = 0.02
FAIL_SHARE = 0.003
REFUSE_SHARE = 0.06
PATIENCE_SECONDS = 90.0


def registry(provider: str, worker: str, client: httpx.AsyncClient) -> dict[StageId, StageFunction]:
    """Return stages that make one paid call each, research two, and sometimes do not succeed."""

    def stage(stage_id: StageId) -> StageFunction:
        async def run(inp: Any, ctx: StageContext) -> Any:
            if stage_id is StageId.COMPANY and (code := await _read(inp.request, ctx)):
                return Fail(f"company_site_{code}", "the company's site cannot be read")
            for key in ("first", "second") if stage_id is StageId.RESEARCH else ("first",):
                facts = {"job_id": ctx.job_id, "stage": stage_id.value, "round": ctx.round, "key": key}
                await ctx.checkpoint(key, str, _paid(client, provider, {**facts, "worker": worker}))
            if os.environ.get(LUCKY):
                return done(stage_id, ctx, passed=True)
            luck = random.random()
            if luck < FAIL_SHARE:
                return Fail("chaos", "bad luck")
            if luck < FAIL_SHARE + RETRY_SHARE and ctx.attempt == 1:
                return Retry("not this time", after_seconds=0.5)
            return done(stage_id, ctx, passed=random.random() >= REFUSE_SHARE)

        return run

    return {stage_id: stage(stage_id) for stage_id in StageId}


async def _read(request: ArticleRequest, ctx: StageContext) -> str:
    """Read what the client names, as the real stages do; return why the company's site cannot be read, if so."""
    for url in request.source_urls:
        await _failure(url, ctx)
    return "" if request.company_url == SITE else await _failure(request.company_url, ctx)


async def _failure(url: str, ctx: StageContext) -> str:
    try:
        await ctx.fetcher.page(url)
    except FetchFailed as failure:
        return failure.code
    return ""


def _paid(client: httpx.AsyncClient, provider: str, facts: dict[str, Any]) -> Callable[[], Awaitable[str]]:
    async def call() -> str:
        answer = await client.post(provider, json=facts)
        return str(answer.raise_for_status().json())

    return call


async def run(settings: Settings, ready: asyncio.Event, stop: asyncio.Event) -> None:
    """Run the service with these stages."""
    async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE_SECONDS) as client:
        stages = registry(os.environ[PROVIDER], os.environ[NAME], client)
        await service.run(settings, ready, stop, registry=stages)


if __name__ == "__main__":
    sys.exit(main(run, Settings))
