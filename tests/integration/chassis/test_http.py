"""The HTTP server over real connections."""

from __future__ import annotations

import asyncio
import time

import httpx

from blog_writer.embedded.child import free_port
from chassis.http import operations_app, serve

ACKNOWLEDGED_SECONDS = 0.04
"""After which Linux acknowledges what it got when it has nothing to say."""


async def test_an_answer_does_not_wait_for_the_client_to_acknowledge_its_head() -> None:
    async def no_problems() -> dict[str, str]:
        return {}

    port, ready, stop = free_port(), asyncio.Event(), asyncio.Event()
    serving = asyncio.create_task(
        serve(operations_app(lambda: True, no_problems), "127.0.0.1", port, ready, stop)
    )
    await ready.wait()
    seconds = []
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        for _ in range(40):
            start = time.perf_counter()
            await client.get("/health")
            seconds.append(time.perf_counter() - start)
    stop.set()
    await serving

    assert min(seconds[20:]) < ACKNOWLEDGED_SECONDS / 2
