"""Our own supervisor: starts a service, starts it again when it ends, and owns its pid."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

import httpx
import psutil

from blog_writer.embedded.child import Child
from chaos.records import Exited, Journal, Sample, now

ROOT = Path(__file__).parent.parent
POLL_SECONDS = 0.05
RESTART_SECONDS = 0.3
LONGEST_RESTART_SECONDS = 2.0
SHORT_LIFE_SECONDS = 3.0


class Supervised:
    """One service process that is always there, except for the moments between an end and a start."""

    def __init__(
        self,
        name: str,
        module: str,
        environment: Mapping[str, str],
        ready_url: str,
        folder: Path,
        journal: Journal,
    ) -> None:
        self.name = name
        self.module = module
        """What the next start runs."""
        self.once: dict[str, str] = {}
        """Environment of the next start only."""
        self.starts = 0
        self.exits = 0
        self.last_code = 0
        self._environment = {**_inherited(), **environment}
        self._ready_url = ready_url
        self._journal = journal
        self._child = Child(folder / f"{name}.pid", folder / f"{name}.log", signal.SIGTERM)
        self._stopping = False

    def start(self) -> None:
        """Start it; call this from the main thread, with which it ends."""
        command = [sys.executable, "-m", self.module]
        self._child.start(command, env={**self._environment, **self.once}, cwd=ROOT)
        self.once = {}
        self.starts += 1

    async def keep(self) -> None:
        """Start it whenever it does not run; until cancelled."""
        pause = RESTART_SECONDS
        while True:
            self.start()
            started = asyncio.get_running_loop().time()
            while (code := self._child.exited()) is None:
                await asyncio.sleep(POLL_SECONDS)
            self.exits += 1
            self.last_code = code
            self._journal.write(Exited(at=now(), process=self.name, code=code))
            short = asyncio.get_running_loop().time() - started < SHORT_LIFE_SECONDS
            pause = min(2 * pause, LONGEST_RESTART_SECONDS) if short else RESTART_SECONDS
            await asyncio.sleep(pause)

    async def running(self) -> None:
        """Wait until it runs: it may be between an end and a start."""
        while self._child.exited() is not None:
            await asyncio.sleep(POLL_SECONDS)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; a process that has just ended does not mind."""
        if self._child.exited() is None:
            os.kill(self._child.pid, number)

    async def ended(self, exits: int, seconds: float) -> bool:
        """Wait until it has ended more often than ``exits`` times."""
        end = asyncio.get_running_loop().time() + seconds
        while self.exits <= exits and asyncio.get_running_loop().time() < end:
            await asyncio.sleep(POLL_SECONDS)
        return self.exits > exits

    async def ready(self, client: httpx.AsyncClient) -> bool:
        """Whether it says that it is ready."""
        try:
            answer = await client.get(self._ready_url, timeout=1)
        except httpx.HTTPError:
            return False
        return answer.is_success

    async def stop(self) -> None:
        """End it for good."""
        self.signal(signal.SIGCONT)
        await asyncio.to_thread(self._child.stop)

    def sample(self) -> Sample:
        """Measure what it holds."""
        process = psutil.Process(self._child.pid)
        with process.oneshot():
            return Sample(
                at=now(),
                process=self.name,
                megabytes=process.memory_info().rss / 2**20,
                files=process.num_fds(),
                threads=process.num_threads(),
            )


def _inherited() -> dict[str, str]:
    """Return our environment without settings of the product."""
    own = ("BLOG_WRITER_", "DATABASE_URL", "NATS_URL", "GOOGLE_API_KEY")
    return {name: value for name, value in os.environ.items() if not name.startswith(own)}
