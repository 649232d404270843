"""The watchdog sees a loop that is blocked."""

from __future__ import annotations

import asyncio
import contextlib
import time

from chassis import watchdog


async def test_a_blocked_loop_is_measured_and_counted() -> None:
    before = watchdog.BLOCKED._value.get()
    watching = asyncio.create_task(watchdog.watch_loop(0.01))
    await asyncio.sleep(0.05)
    assert watchdog.LAG._value.get() < 1
    time.sleep(1.1)  # noqa: ASYNC251  blocking the loop is the point
    await asyncio.sleep(0.05)
    watching.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await watching
    assert watchdog.LAG._value.get() > 1
    assert watchdog.BLOCKED._value.get() == before + 1
