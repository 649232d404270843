"""The whole system in one process: embedded servers, then the four services as tasks of one event loop.

Services start in the order in which they need one another and stop in reverse, so that nothing is accepted that
nobody would carry on with, and running stages get their time to end.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import gateway.service
import gateway.settings
import notifier.service
import notifier.settings
import orchestrator.service
import orchestrator.settings
import stage_workers.service
import stage_workers.settings
from blog_writer import embedded
from blog_writer.errors import CommandError, ServiceStopped
from blog_writer.migrations import migrate_all
from blog_writer.settings import (
    Running,
    UpSettings,
    nats_access,
    service_environment,
    unknown_variables,
    write_running,
)
from chassis import logs
from chassis.settings import load
from chassis.watchdog import watch_loop

log = logs.get_logger(__name__)


class ServiceEntry(NamedTuple):
    """One service: its name, its run function, its settings type."""

    name: str
    run: Callable[[Any, asyncio.Event, asyncio.Event], Awaitable[None]]
    settings: type[Any]


SERVICES = (
    ServiceEntry("orchestrator", orchestrator.service.run, orchestrator.settings.Settings),
    ServiceEntry("stage-workers", stage_workers.service.run, stage_workers.settings.Settings),
    ServiceEntry("notifier", notifier.service.run, notifier.settings.Settings),
    ServiceEntry("gateway", gateway.service.run, gateway.settings.Settings),
)
"""In the order they start."""


def choose_port(host: str, port: int) -> int:
    """Return ``port`` if it is free on ``host``, or any free one for 0. Raises CommandError when it is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CommandError(
                f"BLOG_WRITER_PORT {port} on {host} cannot be used: {error.strerror}. Choose another with --port."
            ) from error
        return int(probe.getsockname()[1])


@contextmanager
def locked(data_dir: Path) -> Iterator[None]:
    """Keep other processes off a data folder. Raises CommandError when one is there already."""
    with (data_dir / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise CommandError(f"another blog-writer runs on the data folder {data_dir}") from error
        yield


@asynccontextmanager
async def servers(settings: UpSettings, data_dir: Path) -> AsyncIterator[tuple[str, str]]:
    """Yield the addresses of Postgres and NATS: the given ones, or embedded ones that end with this context."""
    async with AsyncExitStack() as stack:
        nats_url = settings.nats_url
        if nats_url is None:
            access = nats_access(data_dir, settings.nats_tenants)
            nats_url = await stack.enter_async_context(embedded.nats_server(data_dir / "nats", access=access))
        database_url = settings.database_url
        if database_url is None:
            database_url = await stack.enter_async_context(embedded.postgres(settings.database_folder()))
        yield database_url, nats_url


@asynccontextmanager
async def running_service(
    entry: ServiceEntry, environment: Mapping[str, str]
) -> AsyncIterator[asyncio.Task[None]]:
    """Start one service, yield its task once it is ready, stop it at the end."""
    ready, stop = asyncio.Event(), asyncio.Event()
    task = asyncio.ensure_future(entry.run(load(entry.settings, environment), ready, stop))
    waiting = asyncio.ensure_future(ready.wait())
    try:
        await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            await _ended(entry.name, task)
        yield task
    finally:
        waiting.cancel()
        stop.set()
        await asyncio.gather(task, return_exceptions=True)
        log.info("service_stopped", service=entry.name)


async def _ended(name: str, task: asyncio.Task[None]) -> None:
    """Raise what ended a service that should still run."""
    await task
    raise ServiceStopped(f"service {name} ended by itself")


def _check(settings: UpSettings, environment: Mapping[str, str], data_dir: Path, port: int) -> None:
    """Raise SettingsError for what a service would refuse before anything is started, and tell of misspelt names."""
    kinds = [entry.settings for entry in SERVICES]
    for name, meant in unknown_variables(environment, [UpSettings, *kinds]).items():
        log.warning("setting_unknown", variable=name, did_you_mean=meant)
    servers_to_come = Running(f"http://{settings.host}:{port}", "later", "later", os.getpid())
    service_env = service_environment(environment, settings, running=servers_to_come, data_dir=data_dir)
    for kind in kinds:
        load(kind, service_env)


@asynccontextmanager
async def system(
    settings: UpSettings, environment: Mapping[str, str]
) -> AsyncIterator[tuple[Running, set[asyncio.Task[None]]]]:
    """Run the whole system; yield where it is and its services' tasks, which all run until the context ends."""
    data_dir = settings.data_folder()
    port = choose_port(settings.host, settings.port)
    _check(settings, environment, data_dir, port)
    async with AsyncExitStack() as stack:
        stack.enter_context(locked(data_dir))
        database_url, nats_url = await stack.enter_async_context(servers(settings, data_dir))
        for name in await migrate_all(database_url):
            log.info("migration_applied", migration=name)
        running = Running(f"http://{settings.host}:{port}", database_url, nats_url, os.getpid())
        service_env = service_environment(environment, settings, running=running, data_dir=data_dir)
        tasks = {await stack.enter_async_context(running_service(entry, service_env)) for entry in SERVICES}
        write_running(data_dir, running)
        stack.callback((data_dir / "running.json").unlink, missing_ok=True)
        yield running, tasks


async def up(
    settings: UpSettings,
    environment: Mapping[str, str],
    stop: asyncio.Event,
    announce: Callable[[Running], None],
) -> None:
    """Run until ``stop`` is set. Raises what ended a service before that."""
    async with system(settings, environment) as (running, tasks):
        announce(running)
        stopping = asyncio.ensure_future(stop.wait())
        watching = asyncio.ensure_future(watch_loop())
        done, _ = await asyncio.wait({stopping, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        watching.cancel()
        for task in tasks & done:
            await _ended(task.get_name(), task)
