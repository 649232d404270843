"""Servers and worker processes of one run: own processes on free loopback ports, ended with the run."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from bench.peers.install import ROOT

from blog_writer.embedded.child import Child
from blog_writer.embedded.nats import NatsServer
from blog_writer.embedded.postgres import PostgresServer

READY_SECONDS = 60.0
RUN_SECONDS = 600.0


class RunFailed(Exception):
    """A server, a worker or a load driver did not do its part; the message holds the end of what it printed."""


class Run:
    """One run of one system, on an empty folder."""

    def __init__(self, folder: Path, stack: ExitStack, environment: dict[str, str]) -> None:
        self.folder = folder
        self.environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **environment}
        self._stack = stack

    def postgres(self) -> str:
        """Start the embedded Postgres as it ships, with fsync and synchronous commit; return its address."""
        server = PostgresServer(self.folder / "postgres")
        server.start()
        self._stack.callback(server.stop)
        server.wait()
        self.environment["DATABASE_URL"] = server.url
        return server.url

    def nats(self) -> None:
        """Start the embedded nats-server as it ships: every message is synced before it is confirmed."""
        server = NatsServer(self.folder / "nats")
        server.start()
        self._stack.callback(server.stop)
        server.wait()
        self.environment["NATS_URL"] = server.url

    def start(self, name: str, command: Sequence[str | Path], **environment: str) -> Child:
        """Start a process that ends with this run."""
        child = Child(self.folder / f"{name}.pid", self.folder / f"{name}.log", signal.SIGTERM)
        child.start(command, cwd=ROOT, env={**self.environment, **environment})
        self._stack.callback(child.stop)
        return child

    def wait(self, child: Child, ready: Callable[[], bool]) -> None:
        """Wait until ``ready`` says so. Raises RunFailed when the process ends or time runs out before."""
        end = time.monotonic() + READY_SECONDS
        while not ready():
            if child.exited() is not None or time.monotonic() > end:
                raise RunFailed(f"not ready, exit code {child.exited()}: {child.log_tail()}")
            time.sleep(0.05)

    def call(self, command: Sequence[str | Path]) -> str:
        """Run a program to its end and return what it printed. Raises RunFailed."""
        try:
            done = subprocess.run(  # noqa: S603  our own command
                command, cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=RUN_SECONDS,
                check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise RunFailed(
                f"not done within {RUN_SECONDS:.0f} s: {(error.stderr or b'')[-1500:]!r}"
            ) from error
        if done.returncode:
            raise RunFailed(f"exit code {done.returncode}: {done.stderr.strip()[-1500:]}")
        return done.stdout


def listening(port: int) -> bool:
    """Whether something takes connections on a port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def logged(folder: Path, name: str, words: str) -> bool:
    """Whether a process has printed certain words."""
    return words in (folder / f"{name}.log").read_text(errors="replace")
