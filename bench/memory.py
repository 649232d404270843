"""Memory of each service, with nothing to do and under load, against a bare handler on the same framework and driver."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from bench.accept import BODY, CONNECTIONS
from bench.footprint import memory_mb
from bench.load import Load, put, request
from bench.measure import Line, Measured, in_turn, line
from bench.processes import Servers, answers, process, servers
from blog_writer.embedded.child import free_port

SERVICES = {
    "gateway": "gateway",
    "orchestrator": "orchestrator",
    "stage-workers": "bench.peers.blog_writer.worker",
    "notifier": "notifier",
}
"""By module. The worker's stages do nothing, so that it is as busy as the others."""
BARE = "bare handler"
SETTLE_SECONDS = 2.0
BUSY_SECONDS = 3.0
SAMPLE_SECONDS = 0.25
SLOTS = 200


@asynccontextmanager
async def _running(s: Servers, modules: Mapping[str, str], port: int) -> AsyncIterator[dict[str, int]]:
    environment = {
        **s.environment,
        "BLOG_WRITER_PORT": str(port),
        "BLOG_WRITER_MAX_CONCURRENT": str(SLOTS),
        "BLOG_WRITER_STAGE_SLOTS": str(SLOTS),
        "BLOG_WRITER_WEBHOOK_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    }
    async with AsyncExitStack() as stack:
        pids = {
            name: await stack.enter_async_context(process(s.folder, module, environment))
            for name, module in modules.items()
        }
        await answers(port)
        await asyncio.sleep(SETTLE_SECONDS)
        yield pids


async def _most(pids: Mapping[str, int], load: asyncio.Task[Measured]) -> dict[str, float]:
    """Return the most memory that each process has while the load lasts."""
    most = dict.fromkeys(pids, 0.0)
    while not load.done():
        most = {name: max(most[name], memory_mb(pid)) for name, pid in pids.items()}
        await asyncio.wait({load}, timeout=SAMPLE_SECONDS)
    await load
    return most


async def measure(rounds: int) -> list[Line]:
    """Return the row; each round starts all processes anew."""
    async with servers() as s:

        async def ours() -> Measured:
            port = free_port()
            async with _running(s, SERVICES, port) as pids:
                idle = {name: memory_mb(pid) for name, pid in pids.items()}
                wanted = Load(port, CONNECTIONS, BUSY_SECONDS, [request("POST", "/write-async", BODY)])
                busy = await _most(pids, asyncio.create_task(put(wanted)))
            await s.pool.execute(
                "TRUNCATE jobs.jobs, gateway.submissions, gateway.outbox, jobs.outbox CASCADE"
            )
            for stream in await s.client.jetstream().streams_info():
                await s.client.jetstream().purge_stream(str(stream.config.name))
            return {
                f"{name} {state}": mb
                for state, all_ in (("idle", idle), ("busy", busy))
                for name, mb in all_.items()
            }

        async def bare() -> Measured:
            async with _running(s, {BARE: "bench.bare"}, free_port()) as pids:
                return {BARE: memory_mb(pids[BARE])}

        taken = await in_turn({"ours": ours, BARE: bare}, rounds)
        theirs = [one[BARE] for one in taken[BARE]]
        return [
            line("memory", f"{name} PSS MB", BARE, [one[name] for one in taken["ours"]], theirs)
            for name in taken["ours"][0]
        ]
