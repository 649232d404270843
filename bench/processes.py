"""Everything under measurement runs as users run it: in processes of its own, on fresh servers."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import asyncpg
import msgspec
from nats.aio.client import Client

from blog_writer import embedded
from blog_writer.embedded.child import free_port
from blog_writer.migrations import migrate_all
from chassis.broker import connect, ensure_stream
from contracts import streams

START_SECONDS = 30.0
STOP_SECONDS = 20.0


class Servers(msgspec.Struct):
    """Fresh Postgres and NATS, migrated, with the product's streams."""

    folder: Path
    database_url: str
    nats_url: str
    pool: asyncpg.Pool
    client: Client

    @property
    def environment(self) -> dict[str, str]:
        """What the services are told of them."""
        return {
            "DATABASE_URL": self.database_url,
            "NATS_URL": self.nats_url,
            "BLOG_WRITER_ARTICLE_STORE": (self.folder / "articles").as_uri(),
            "BLOG_WRITER_LANGUAGE_MODEL": "extractive",
        }


@asynccontextmanager
async def servers() -> AsyncIterator[Servers]:
    """Run both embedded servers in a temporary folder."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="blog-writer-bench-")))
        nats_url = await stack.enter_async_context(embedded.nats_server(folder / "nats"))
        database_url = await stack.enter_async_context(embedded.postgres(folder / "postgres"))
        await migrate_all(database_url)
        pool = await stack.enter_async_context(asyncpg.create_pool(database_url, min_size=1, max_size=4))
        client = await connect(nats_url, "bench")
        stack.push_async_callback(client.close)
        for stream in streams.ALL:
            await ensure_stream(client.jetstream(), stream)
        yield Servers(folder, database_url, nats_url, pool, client)


@asynccontextmanager
async def process(
    folder: Path, module: str, environment: Mapping[str, str], *arguments: str
) -> AsyncIterator[int]:
    """Run ``python -m module`` until the context ends; yield its pid. Its log goes to a file in ``folder``."""
    path = folder / f"{module}-{free_port()}.log"
    with path.open("wb") as log:
        child = subprocess.Popen(  # noqa: ASYNC220, S603  our own command; starting takes a moment once
            [sys.executable, "-m", module, *arguments],
            env={**os.environ, **environment},
            stdout=log,
            stderr=log,
        )
    try:
        yield child.pid
        if child.poll() is not None:
            raise RuntimeError(f"{module} ended by itself:\n{path.read_text()[-2000:]}")
    finally:
        child.terminate()
        await asyncio.to_thread(child.wait, STOP_SECONDS)


@asynccontextmanager
async def http_server(servers: Servers, module: str) -> AsyncIterator[int]:
    """Run a module that serves HTTP on ``BLOG_WRITER_PORT``; yield its port once it answers."""
    port = free_port()
    async with process(servers.folder, module, {**servers.environment, "BLOG_WRITER_PORT": str(port)}):
        await answers(port)
        yield port


async def answers(port: int) -> None:
    """Return once something listens on the port."""
    async with asyncio.timeout(START_SECONDS):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
                continue
            writer.close()
            return
