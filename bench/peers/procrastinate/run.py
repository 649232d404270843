"""Procrastinate's client: defers first steps and hears of last ones by NOTIFY."""

from __future__ import annotations

import asyncio
import contextlib
import os
import uuid

import psycopg
from bench.peers.load import measure
from bench.peers.procrastinate.tasks import CHANNEL, app, step


class Client:
    """Waits for articles by name."""

    def __init__(self) -> None:
        self.waiting: dict[str, asyncio.Future[None]] = {}

    async def listen(self, connection: psycopg.AsyncConnection) -> None:
        async for notify in connection.notifies():
            self.waiting.pop(notify.payload).set_result(None)

    async def workflow(self) -> None:
        article = uuid.uuid4().hex
        self.waiting[article] = done = asyncio.get_running_loop().create_future()
        await step.defer_async(article=article, number=0)
        await done


async def main() -> None:
    client = Client()
    async with (
        app.open_async(),
        await psycopg.AsyncConnection.connect(os.environ["DATABASE_URL"], autocommit=True) as connection,
    ):
        await connection.execute(f"LISTEN {CHANNEL}")
        listening = asyncio.create_task(client.listen(connection))
        await measure(client.workflow)
        listening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await listening


if __name__ == "__main__":
    asyncio.run(main())
