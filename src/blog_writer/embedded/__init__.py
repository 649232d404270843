"""Postgres and NATS for one machine, from Python packages: no container, no system service, no root needed.

The servers are children of this process. On Linux they end with it, even when it is killed; a child that outlived its
parent all the same is found by its pid and start time and stopped before a new one starts on its folder.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from blog_writer.embedded.nats import NatsServer
from blog_writer.embedded.postgres import PostgresServer


@asynccontextmanager
async def postgres(data_dir: Path, port: int = 0) -> AsyncIterator[str]:
    """Run Postgres on ``data_dir`` (made if missing) and yield the address of its database ``blog_writer``.

    Call it from the main thread: the server ends with the thread that started it. Raises ServerFailed.
    """
    server = PostgresServer(data_dir, port)
    server.start()
    try:
        await asyncio.to_thread(server.wait)
        yield server.url
    finally:
        await asyncio.to_thread(server.stop)


@asynccontextmanager
async def nats_server(data_dir: Path, port: int = 0, *, sync_always: bool = True) -> AsyncIterator[str]:
    """Run nats-server with JetStream on ``data_dir`` (made if missing) and yield its address.

    With ``sync_always`` every stored message is on disk before it is confirmed. Threads and errors as above.
    """
    server = NatsServer(data_dir, port, sync_always=sync_always)
    server.start()
    try:
        await asyncio.to_thread(server.wait)
        yield server.url
    finally:
        await asyncio.to_thread(server.stop)
