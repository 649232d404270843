"""Publishing for many callers: one group on its way at a time, and everybody hears of their own message."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from chassis.broker import Outgoing, SharedPublisher


class Wire:
    """A publisher that holds each group until it is let go, and remembers it."""

    def __init__(self) -> None:
        self.groups: list[list[str]] = []
        self.go = asyncio.Event()
        self.fails = False

    async def publish_all(self, messages: Sequence[Outgoing]) -> list[Outgoing]:
        self.groups.append([message.subject for message in messages])
        await self.go.wait()
        if self.fails:
            raise OSError("no wire")
        return [message for message in messages if message.subject != "lost"]


def start(publisher: SharedPublisher, subject: str) -> asyncio.Task[bool]:
    return asyncio.create_task(publisher.publish(Outgoing(subject, b"", subject)))


async def begun(condition: Any) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0)


async def test_what_comes_meanwhile_goes_out_together_afterwards() -> None:
    wire = Wire()
    publisher = SharedPublisher(wire)  # type: ignore[arg-type]  # all it uses
    tasks = [start(publisher, "first")]
    await begun(lambda: wire.groups)
    for subject in ("second", "lost", "fourth"):
        tasks.append(start(publisher, subject))
        await begun(lambda: len(publisher._waiting) == len(tasks) - 1)
    wire.go.set()
    assert await asyncio.gather(*tasks) == [True, True, False, True]
    assert wire.groups == [["first"], ["second", "lost", "fourth"]]


async def test_a_failure_leaves_nobody_waiting() -> None:
    wire = Wire()
    wire.go.set()
    wire.fails = True
    publisher = SharedPublisher(wire)  # type: ignore[arg-type]  # all it uses
    assert await start(publisher, "first") is False
    sending = publisher._sending
    assert sending is not None
    assert isinstance((await asyncio.gather(sending, return_exceptions=True))[0], OSError)
    wire.fails = False
    assert await start(publisher, "second") is True
