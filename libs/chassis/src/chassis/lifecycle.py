"""How a service starts, runs its loops, and stops."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import threading
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
_MOST_DOUBLINGS = 10
"""Enough to get from any first backoff to the longest; 2 to the number of failures leaves the floats in a night."""
CANCEL_AGAIN_SECONDS = 10.0
"""When a loop that still runs is cancelled once more: a library on the way may have swallowed the first time."""
EXIT_SECONDS = 10.0
"""How long tasks and threads that nobody waits for may hold up the end of the process."""


def main(run: RunFunction[S], settings_type: type[S], env: Mapping[str, str] | None = None) -> int:
    """Run a service as a process of its own until SIGTERM or SIGINT; return the exit code.

    0 is a clean stop, 1 a crash, 2 a setting that is missing or wrong (said on stderr). A service that is told to stop
    before it is ready is cancelled.
    """
    env = os.environ if env is None else env
    try:
        settings = load(settings_type, env)
        crashpoints.arm(env)
        logs.configure(env.get("BLOG_WRITER_LOG_LEVEL") or "info")
    except SettingsError as error:
        sys.stderr.write(f"settings: {error}\n")
        return 2
    exit_anyway = threading.Timer(EXIT_SECONDS, _exit_anyway)
    exit_anyway.daemon = True
    try:
        asyncio.run(_with_signals(run, settings, exit_anyway))
    except Exception as error:  # noqa: BLE001  whatever ended the service becomes its exit code
        return _failed(error)
    finally:
        exit_anyway.cancel()
    return 0


async def _with_signals(run: RunFunction[S], settings: S, exit_anyway: threading.Timer) -> None:
    ready, stop = asyncio.Event(), asyncio.Event()
    service = asyncio.ensure_future(run(settings, ready, stop))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stop, service, ready, stop)
    watching = asyncio.ensure_future(watch_loop())
    try:
        await asyncio.wait({service})
    finally:
        watching.cancel()
        exit_anyway.start()
    if not service.cancelled():
        service.result()


def _stop(service: asyncio.Future[None], ready: asyncio.Event, stop: asyncio.Event) -> None:
    """Ask a service to stop; one that has not started yet has nothing to bring to an end."""
    stop.set()
    if not ready.is_set():
        service.cancel()


def _exit_anyway() -> None:
    log.error("exit_forced", seconds=EXIT_SECONDS)
    os._exit(1)


def _failed(error: Exception) -> int:
    """Say what ended a service, and return the exit code for it."""
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    if isinstance(error, SettingsError):
        sys.stderr.write(f"settings: {error}\n")
        return 2
    if isinstance(error, ChassisError):
        log.error("service_failed", reason=str(error))
    else:
        log.error("service_crashed", exc_info=error)
    return 1


async def until(stop: asyncio.Event, *loops: Coroutine[Any, Any, None]) -> None:
    """Run ``loops`` until ``stop`` is set, then cancel and await them. What crashes one ends all and is raised."""
    async with asyncio.TaskGroup() as group:
        tasks = {group.create_task(loop) for loop in loops}
        try:
            await stop.wait()
        finally:
            await _end(tasks)


async def _end(tasks: set[asyncio.Task[None]]) -> None:
    for task in tasks:
        if not task.cancelling():  # the group cancels them itself when one crashes
            task.cancel()
    while tasks:
        _, tasks = await asyncio.wait(tasks, timeout=CANCEL_AGAIN_SECONDS)
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
            pause = min(FIRST_BACKOFF * 2 ** min(failures, _MOST_DOUBLINGS), LONGEST_BACKOFF)
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
