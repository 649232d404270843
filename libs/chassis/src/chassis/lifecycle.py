"""How a service starts, runs its loops, and stops."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, TypeVar

import msgspec

from chassis import crashpoints, logs
from chassis.errors import ChassisError, SettingsError
from chassis.settings import load
from chassis.watchdog import watch_loop

log = logs.get_logger(__name__)

S = TypeVar("S", bound=msgspec.Struct)

RunFunction = Callable[[S, asyncio.Event, asyncio.Event], Awaitable[None]]
"""A service: ``run(settings, ready, stop)`` sets ``ready`` once it works and returns after ``stop`` is set."""

FIRST_BACKOFF = 0.5
"""Seconds before a loop's action is tried again after its first failure."""
LONGEST_BACKOFF = 30.0


def main(run: RunFunction[S], settings_type: type[S], env: Mapping[str, str] | None = None) -> int:
    """Run a service as a process of its own until SIGTERM or SIGINT; return the exit code.

    0 is a clean stop, 1 a crash, 2 a setting that is missing or wrong (said on stderr).
    """
    env = os.environ if env is None else env
    try:
        settings = load(settings_type, env)
        crashpoints.arm(env)
        logs.configure(env.get("BLOG_WRITER_LOG_LEVEL") or "info")
    except SettingsError as error:
        sys.stderr.write(f"settings: {error}\n")
        return 2
    try:
        asyncio.run(_with_signals(run, settings))
    except ChassisError as error:
        log.error("service_failed", reason=str(error))  # noqa: TRY400  the message says it all
        return 1
    except Exception:
        log.exception("service_crashed")
        return 1
    return 0


async def _with_signals(run: RunFunction[S], settings: S) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    watching = asyncio.ensure_future(watch_loop())
    try:
        await run(settings, asyncio.Event(), stop)
    finally:
        watching.cancel()


async def until(stop: asyncio.Event, *loops: Coroutine[Any, Any, None]) -> None:
    """Run ``loops`` until ``stop`` is set, then cancel and await them. What crashes one ends all and is raised."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(loop) for loop in loops]
        await stop.wait()
        for task in tasks:
            task.cancel()


async def every(
    seconds: float, action: Callable[[], Awaitable[object]], *, name: str, wake: asyncio.Event | None = None
) -> None:
    """Run ``action`` again and again, with ``seconds`` (± 10 %) between, or at once when ``wake`` is set.

    An exception is logged with ``name`` and the next try waits longer, from 0.5 s doubling to 30 s.
    """
    failures = 0
    while True:
        if wake is not None:
            wake.clear()
        try:
            await action()
            failures = 0
            pause = seconds * random.uniform(0.9, 1.1)  # noqa: S311  spreads replicas, hides nothing
        except Exception:
            log.exception("loop_failed", loop=name)
            pause = min(FIRST_BACKOFF * 2**failures, LONGEST_BACKOFF)
            failures += 1
        await _pause(pause, wake if not failures else None)


async def _pause(seconds: float, wake: asyncio.Event | None) -> None:
    if wake is None:
        await asyncio.sleep(seconds)
        return
    try:
        async with asyncio.timeout(seconds):
            await wake.wait()
    except TimeoutError:
        return
