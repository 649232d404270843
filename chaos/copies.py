"""Publishes messages of the system a second time, late and out of order."""

from __future__ import annotations

import asyncio
import random

from nats.aio.msg import Msg

from chaos.records import Copied, now
from chaos.system import System
from chassis.broker import connect

MARK = "Chaos-Copy"
SUBJECTS = ("blog.cmd.>", "blog.stage.>", "blog.result.>", "blog.events.>")
SHARE = 0.4
LATE_SECONDS = (0.0, 3.0)


async def repeat_messages(system: System, seconds: float) -> str:
    """Copy a share of the messages that are published during ``seconds``; return how many."""
    try:
        client = await connect(system.nats.url, "copies")
    except Exception as error:  # noqa: BLE001  NATS may be down by another fault
        return f"not done: {error!r}"
    tasks: set[asyncio.Task[None]] = set()

    async def repeat(message: Msg) -> None:
        await asyncio.sleep(random.uniform(*LATE_SECONDS))
        headers = {
            name: value for name, value in (message.headers or {}).items() if not name.startswith("Nats-")
        }
        system.journal.write(Copied(at=now(), subject=message.subject))
        await client.publish(message.subject, message.data, headers={**headers, MARK: "yes"})

    async def heard(message: Msg) -> None:
        if MARK not in (message.headers or {}) and random.random() < SHARE:
            tasks.add(asyncio.ensure_future(repeat(message)))

    try:
        subscriptions = [await client.subscribe(subject, cb=heard) for subject in SUBJECTS]
        await asyncio.sleep(seconds)
        for subscription in subscriptions:
            await subscription.unsubscribe()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    finally:
        await client.close()
    return f"{sum(not isinstance(result, BaseException) for result in results)} messages"
