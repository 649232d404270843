"""Postgres and NATS for one machine, from Python packages: no container, no system service, no root needed.

The servers are children of this process. On Linux they end with it, even when it is killed; a child that outlived its
parent all the same is found by its pid and start time and stopped before a new one starts on its folder. One that ends
by itself is started again on the same port, and its clients connect again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from blog_writer.embedded.child import ServerFailed
from blog_writer.embedded.nats import Access, NatsServer
from blog_writer.embedded.postgres import PostgresServer
from chassis import logs

log = logs.get_logger(__name__)

LOOK_SECONDS = 0.5
"""How often a server is looked at."""


def postgres(data_dir: Path, port: int = 0) -> AbstractAsyncContextManager[str]:
    """Run Postgres on ``data_dir`` (made if missing) and yield the address of its database ``blog_writer``.

    Call it from the main thread: the server ends with the thread that started it. Raises ServerFailed.
    """
    return _running(PostgresServer(data_dir, port), "postgres")


def nats_server(
    data_dir: Path, port: int = 0, *, sync_always: bool = True, access: Access | None = None
) -> AbstractAsyncContextManager[str]:
    """Run nats-server with JetStream on ``data_dir`` (made if missing) and yield its address.

    With ``sync_always`` every stored message is on disk before it is confirmed. ``access`` says who may do what. Threads and errors as above.
    """
    return _running(NatsServer(data_dir, port, sync_always=sync_always, access=access), "nats-server")


@asynccontextmanager
async def _running(server: PostgresServer | NatsServer, name: str) -> AsyncIterator[str]:
    server.start()
    try:
        await asyncio.to_thread(server.wait)
        keeping = asyncio.create_task(_keep(server, name))
        try:
            yield server.url
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
    finally:
        await asyncio.to_thread(server.stop)


async def _keep(server: PostgresServer | NatsServer, name: str) -> None:
    """Start the server again whenever it has ended, for as long as it takes."""
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        code = server.exited()
        if code is None:
            continue
        log.error("server_ended", server=name, exit_code=code)
        try:
            server.start_again()
        except (ServerFailed, OSError) as error:
            log.error("server_not_restarted", server=name, reason=str(error))  # noqa: TRY400  tried again
        else:
            log.warning("server_restarted", server=name)
