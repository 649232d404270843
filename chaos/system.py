"""The whole system in pieces: servers, services as processes, a proxy on every edge between them."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from blog_writer.embedded.child import free_port
from blog_writer.embedded.nats import NatsServer
from blog_writer.embedded.postgres import PostgresServer
from blog_writer.migrations import migrate_all
from chaos.edges import Edge
from chaos.outside import SECRET, Canary, Mood, Provider, Sink
from chaos.processes import ROOT, Supervised
from chaos.records import Journal, now
from chaos.worker import LUCKY, NAME, PROVIDER

CAP = 12
READY_SECONDS = 90.0
SINKS_EDGE = "notifier-sinks"
SINKS_ADDRESS = "127.0.0.3"
"""The only address that is not public and may be connected to."""
EDGES = (
    "gateway-postgres",
    "gateway-nats",
    "orchestrator-postgres",
    "orchestrator-nats",
    "workers-nats",
    "notifier-postgres",
    "notifier-nats",
    SINKS_EDGE,
)
SERVICES = {
    "gateway": "gateway",
    "orchestrator-1": "orchestrator",
    "orchestrator-2": "orchestrator",
    "worker-1": "chaos.worker",
    "worker-2": "chaos.worker",
    "notifier": "notifier",
}
"""Processes and the module that each runs."""
ORCHESTRATORS = ("orchestrator-1", "orchestrator-2")
WORKERS = ("worker-1", "worker-2")


class System:
    """Everything that can be hurt, and what lies around it."""

    def __init__(
        self, folder: Path, journal: Journal, services: Mapping[str, str] = SERVICES, *, lucky: bool = False
    ) -> None:
        self.folder = folder
        self._services = services
        self._lucky = lucky
        self.journal = journal
        self.postgres = PostgresServer(folder / "postgres" / "data", free_port())
        self.nats = NatsServer(folder / "nats", free_port())
        self.edges = {name: Edge(name) for name in EDGES}
        self.provider = Provider(journal)
        moods = {"healthy": Mood.HEALTHY, "slow": Mood.SLOW, "moody": Mood.HEALTHY}
        self.sinks = {name: Sink(name, journal, mood) for name, mood in moods.items()}
        self.canaries = [Canary(address, journal) for address in ("127.0.0.1", "127.0.0.2")]
        self.callbacks: list[str] = []
        self.baits: list[str] = []
        """Addresses of the canaries, by name and in numbers."""
        self.processes: dict[str, Supervised] = {}
        self.gateway_url = ""
        self.urls: dict[str, str] = {}
        """Where each process answers, by its name."""
        self.http = httpx.AsyncClient(trust_env=False)
        self._keepers: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Start all; returns when every process is ready."""
        (self.folder / "postgres").mkdir(parents=True, exist_ok=True)
        self.postgres.start()
        self.nats.start()
        await asyncio.gather(asyncio.to_thread(self.postgres.wait), asyncio.to_thread(self.nats.wait))
        await migrate_all(self.postgres.url)
        await self.provider.server.start()
        for sink in self.sinks.values():
            await sink.server.start()
            port = await self.edges[SINKS_EDGE].listen(sink.server.port, SINKS_ADDRESS)
            self.callbacks.append(f"http://{SINKS_ADDRESS}:{port}/{sink.name}")
        await self._start_canaries()
        for name, module in self._services.items():
            self.processes[name] = await self._supervised(name, module)
        self._keepers = [asyncio.create_task(process.keep()) for process in self.processes.values()]
        await self.until_ready()

    async def _start_canaries(self) -> None:
        for canary in self.canaries:
            await canary.start()
        local, other = (canary.port for canary in self.canaries)
        hosts = (f"localhost:{local}", f"127.0.0.2:{other}", f"127.0.0.1:{local}", f"2130706434:{other}")
        self.baits = [f"http://{host}/bait" for host in hosts]

    async def _supervised(self, name: str, module: str) -> Supervised:
        place = {"worker": "workers"}.get(name.partition("-")[0], name.partition("-")[0])
        port = free_port()
        environment = {
            **self._fixed(),
            "NATS_URL": f"nats://127.0.0.1:{await self.edges[f'{place}-nats'].listen(self.nats.port)}",
            "BLOG_WRITER_OPERATIONS_PORT": str(port),
            "BLOG_WRITER_PORT": str(port),
            NAME: name,
        }
        if f"{place}-postgres" in self.edges:
            proxy = await self.edges[f"{place}-postgres"].listen(self.postgres.port)
            environment["DATABASE_URL"] = self.postgres.url.replace(f":{self.postgres.port}/", f":{proxy}/")
        self.urls[name] = f"http://127.0.0.1:{port}"
        if place == "gateway":
            self.gateway_url = self.urls[name]
        return Supervised(name, module, environment, f"{self.urls[name]}/ready", self.folder, self.journal)

    def _fixed(self) -> dict[str, str]:
        return {
            LUCKY: "yes" if self._lucky else "",
            PROVIDER: f"http://127.0.0.1:{self.provider.server.port}/call",
            "BLOG_WRITER_ARTICLE_STORE": (self.folder / "articles").as_uri(),
            "BLOG_WRITER_WEBHOOK_SECRET": SECRET,
            "BLOG_WRITER_WEBHOOK_RETRY_SECONDS": "0,0.5,1,1,2,2,3,3,5,5,5,5,5",
            "BLOG_WRITER_WEBHOOK_TIMEOUT_SECONDS": "3",
            "BLOG_WRITER_WEBHOOK_BREAKER_SECONDS": "0.5",
            "BLOG_WRITER_MAX_CONCURRENT": str(CAP),
            "BLOG_WRITER_STAGE_SLOTS": "16",
            "BLOG_WRITER_ALLOW_PRIVATE_NETWORKS": f"{SINKS_ADDRESS}/32",
            "BLOG_WRITER_DRAIN_SECONDS": "5",
            "BLOG_WRITER_LOG_LEVEL": "info",
            "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))),
        }

    async def until_ready(self) -> None:
        """Wait for all processes. Raises TimeoutError that names those that are not ready."""
        end = now() + READY_SECONDS
        while unready := await self.unready():
            if now() > end:
                raise TimeoutError(f"not ready after {READY_SECONDS:.0f} s: {', '.join(unready)}")
            await asyncio.sleep(0.1)

    async def unready(self) -> tuple[str, ...]:
        """Return which processes are not ready."""
        processes = list(self.processes.values())
        answers = await asyncio.gather(*(process.ready(self.http) for process in processes))
        return tuple(process.name for process, ready in zip(processes, answers, strict=True) if not ready)

    async def stop(self) -> None:
        """End everything that was started."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        await asyncio.gather(*(process.stop() for process in self.processes.values() if process.starts))
        await self.http.aclose()
        for edge in self.edges.values():
            await edge.close()
        for canary in self.canaries:
            canary.close()
        for server in (self.provider.server, *(sink.server for sink in self.sinks.values())):
            await server.close()
        await asyncio.gather(asyncio.to_thread(self.nats.stop), asyncio.to_thread(self.postgres.stop))

    # What only the servers' owner can do to them.

    async def restart_postgres(self, number: signal.Signals, down_seconds: float) -> None:
        """End Postgres by a signal and start it on the same data."""
        await self._down(self.postgres, number)
        await asyncio.sleep(down_seconds)
        self.postgres.start()
        await asyncio.to_thread(self.postgres.wait)

    async def restart_nats(
        self, number: signal.Signals, down_seconds: float, *, delete_store: bool = False
    ) -> None:
        """End NATS by a signal and start it, on the same store or an empty one."""
        await self._down(self.nats, number)
        if delete_store:
            shutil.rmtree(self.nats.store)
        await asyncio.sleep(down_seconds)
        self.nats.start()
        await asyncio.to_thread(self.nats.wait)

    async def _down(self, server: Any, number: signal.Signals) -> None:
        server.send_signal(number)
        while server.running:
            await asyncio.sleep(0.02)


@asynccontextmanager
async def system(
    folder: Path, services: Mapping[str, str] = SERVICES, *, lucky: bool = False
) -> AsyncIterator[System]:
    """Run the whole system, or some of its services, in a folder; ``lucky`` lets every stage succeed at once."""
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        journal = Journal(folder)
        stack.callback(journal.close)
        whole = System(folder, journal, services, lucky=lucky)
        stack.push_async_callback(whole.stop)
        await whole.start()
        yield whole
