"""Celery's client: sends chains of thirteen tasks and hears of the last one where the result backend announces it.

The steps run in a chain: a chord for the six that could run side by side adds a counter and a callback to each.
"""

from __future__ import annotations

import asyncio
import os

import redis.asyncio
from bench.peers.celery.tasks import step
from bench.peers.load import STEPS, measure
from celery import chain

PREFIX = "celery-task-meta-"


class Client:
    """Waits for chains by the identifier of their last task."""

    def __init__(self) -> None:
        self.waiting: dict[str, asyncio.Future[None]] = {}

    async def listen(self, announcements: redis.asyncio.client.PubSub) -> None:
        async for message in announcements.listen():
            done = self.waiting.pop(message["channel"].decode().removeprefix(PREFIX), None)
            if done is not None:
                done.set_result(None)

    async def workflow(self) -> None:
        signature = chain(step.s(0), *(step.s() for _ in range(STEPS - 1)))
        last = signature.freeze()
        self.waiting[last.id] = done = asyncio.get_running_loop().create_future()
        await asyncio.to_thread(signature.apply_async)
        await done


async def main() -> None:
    client = Client()
    async with redis.asyncio.from_url(os.environ["REDIS_URL"]) as connection:
        announcements = connection.pubsub()
        await announcements.psubscribe(PREFIX + "*")
        listening = asyncio.create_task(client.listen(announcements))
        await measure(client.workflow)
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        await announcements.aclose()


if __name__ == "__main__":
    asyncio.run(main())
