"""A server as a child process that does not outlive its parent."""

from __future__ import annotations

import contextlib
import ctypes
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from blog_writer.errors import CommandError

LINUX = sys.platform == "linux"
STOP_SECONDS = 10.0
"""How long a server may take to stop before it is killed."""
_PR_SET_PDEATHSIG = 1


class ServerFailed(CommandError):
    """An embedded server did not start."""


_PORTS = range(15_000, 32_000)


def free_port() -> int:
    """Return a port of the loopback address that is free now.

    It lies below those that systems give to outgoing connections, one of which could take it before it is used.
    """
    for port in random.sample(_PORTS, len(_PORTS)):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise ServerFailed(f"no port from {_PORTS.start} to {_PORTS.stop - 1} is free")


class Child:
    """One child process, remembered in a pid file so that the next start finds it if it was left behind."""

    def __init__(self, pid_file: Path, log_file: Path, stop_signal: signal.Signals) -> None:
        self._pid_file = pid_file
        self._log_file = log_file
        self._stop_signal = stop_signal
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, command: Sequence[str | Path], **options: Any) -> None:
        """Start the command; it gets the stop signal when the calling thread or process ends (Linux).

        It has a process group of its own: Ctrl-C in a terminal must not stop it before those who still need it.
        """
        parent_died = _death_signal(self._stop_signal) if LINUX else None
        with self._log_file.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603  our own command
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
                preexec_fn=parent_died,  # noqa: PLW1509  one prctl call, no lock taken
                **options,
            )
        self._pid_file.write_text(f"{self._process.pid} {_start_time(self._process.pid)}")

    @property
    def pid(self) -> int:
        """Of the running process."""
        if self._process is None:
            raise ServerFailed("the server was not started")
        return self._process.pid

    def exited(self) -> int | None:
        """Return the exit code, None while it runs."""
        return None if self._process is None else self._process.poll()

    def log_tail(self) -> str:
        """Return the end of what it printed."""
        return self._log_file.read_text(errors="replace")[-1500:]

    def stop(self) -> None:
        """Ask it to stop, then kill it when it does not."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(self._stop_signal)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(STOP_SECONDS)
        self._pid_file.unlink(missing_ok=True)

    def stop_leftover(self) -> None:
        """Stop the process that an earlier, killed parent left behind on the same folder."""
        pid, started = _read_pid_file(self._pid_file)
        if pid is None or not started or _start_time(pid) != started:
            return
        _signal_and_wait(pid, started, self._stop_signal)
        _signal_and_wait(pid, started, signal.SIGKILL)


def _read_pid_file(path: Path) -> tuple[int | None, str]:
    parts = path.read_text().split() if path.exists() else []
    return (int(parts[0]), parts[1]) if len(parts) > 1 and parts[0].isdigit() else (None, "")


def _start_time(pid: int) -> str:
    """Return when a process started, in clock ticks since boot, so that a reused pid is told apart (proc(5))."""
    path = Path(f"/proc/{pid}/stat")
    try:
        fields = path.read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return "" if fields[0] == "Z" else fields[19]


def _signal_and_wait(pid: int, started: str, number: signal.Signals) -> None:
    end = time.monotonic() + STOP_SECONDS
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
    while _start_time(pid) == started and time.monotonic() < end:
        time.sleep(0.05)


def _death_signal(number: signal.Signals) -> Any:
    """Return a function that, run in the child, makes the kernel send ``number`` when the parent thread ends.

    It runs after the change of user, which would undo it.
    """
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    return lambda: prctl(_PR_SET_PDEATHSIG, int(number))
