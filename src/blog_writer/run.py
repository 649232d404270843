"""``blog-writer up``: the all-in-one with signals, logs and exit codes."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping
from urllib.parse import urlsplit

from blog_writer.settings import Running, UpSettings
from blog_writer.standalone import up
from chassis import logs

log = logs.get_logger(__name__)


def run_until_signal(settings: UpSettings, environment: Mapping[str, str]) -> None:
    """Run the whole system until SIGINT or SIGTERM. Raises what ended it before that."""
    logs.configure(settings.log_level)
    asyncio.run(_run(settings, environment))


async def _run(settings: UpSettings, environment: Mapping[str, str]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await up(settings, environment, stop, _announce)


def _announce(running: Running) -> None:
    log.info(
        "system_ready",
        url=running.url,
        docs=f"{running.url}/schema",
        database=_host(running.database_url),
        nats=_host(running.nats_url),
        pid=running.pid,
    )


def _host(url: str) -> str:
    """Return where a server is, without names and passwords."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port}{parts.path}"
