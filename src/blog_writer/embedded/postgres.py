"""The embedded Postgres.

Postgres refuses to run as root, so for root it runs as an unprivileged user. That user may not be able to enter the
folders above the data folder, and their permissions are not ours to change: the server therefore starts inside its
data folder and knows it only as ``/proc/self/cwd``.
"""

from __future__ import annotations

import os
import pwd
import secrets
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from blog_writer.embedded.child import LINUX, Child, ServerFailed, free_port
from blog_writer.embedded.wheels import postgres_folder, reachable_postgres_folder

START_SECONDS = 60.0
"""Recovery after a crash included."""
START_TRIES = 3
"""A chosen port may be taken by another program before Postgres binds it."""
USER = DATABASE = "blog_writer"

_CONFIGURATION = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "60",
    "shared_buffers": "32MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "256MB",
    "jit": "off",
    "autovacuum_max_workers": "1",
    "max_parallel_workers": "0",
    "max_logical_replication_workers": "0",
    "io_method": "sync",
    "log_checkpoints": "off",
}
"""Small, but as durable as any: fsync stays on."""


class PostgresServer:
    """One server on one data folder. Blocking; the asyncio form is in the package."""

    def __init__(self, data_dir: Path, port: int = 0) -> None:
        self._dir = data_dir.absolute()
        self._wanted_port = port
        self.port = port
        self._as_root = os.geteuid() == 0
        self._folder = reachable_postgres_folder() if self._as_root else postgres_folder()
        self._password_file = self._dir.with_name(f"{self._dir.name}.password")
        self._child = Child(
            self._dir.with_name(f"{self._dir.name}.pid"),
            self._dir.with_name(f"{self._dir.name}.log"),
            signal.SIGINT,
        )

    @property
    def url(self) -> str:
        """The address of the database, with its password."""
        password = self._password_file.read_text().strip()
        return f"postgresql://{USER}:{password}@127.0.0.1:{self.port}/{DATABASE}"

    def exited(self) -> int | None:
        """Return the exit code of a server that ended, None while it runs."""
        return self._child.exited()

    def start_again(self) -> None:
        """Start a server that ended, where its clients look for it. Does not wait until it is ready.

        Its lock file stays: processes of the dead server may still be there, and Postgres refuses to start beside them.
        """
        self._wanted_port = self.port
        self._spawn()

    @property
    def pid(self) -> int:
        """Of the postmaster."""
        return self._child.pid

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._child.exited() is None

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal, to see what a crash or a pause does."""
        os.kill(self.pid, number)

    def start(self) -> None:
        """Start the server, on a new data folder after making one. Does not wait until it is ready."""
        self._child.stop_leftover()
        if not (self._dir / "PG_VERSION").exists():
            self._initialise()
        self._launch()

    def _launch(self) -> None:
        self.port = self._wanted_port or free_port()
        (self._dir / "postmaster.pid").unlink(missing_ok=True)
        self._spawn()

    def _spawn(self) -> None:
        options = {**_CONFIGURATION, "port": str(self.port)}
        arguments = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        self._child.start([self._folder / "bin/postgres", "-D", self._place, *arguments], **self._identity)

    def wait(self) -> None:
        """Wait until the server takes connections. Raises ServerFailed with the end of its log."""
        for _ in range(START_TRIES):
            if self._became_ready():
                return
            self._child.stop()
            self._launch()
        raise ServerFailed(f"Postgres did not start on {self._dir}:\n{self._child.log_tail()}")

    def _became_ready(self) -> bool:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and self._child.exited() is None:
            if self._status().startswith("ready"):
                return True
            time.sleep(0.02)
        return False

    def _status(self) -> str:
        """Return the last line of postmaster.pid, which Postgres keeps current for its own tools (miscinit.h)."""
        try:
            lines = (self._dir / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return ""
        return lines[7] if len(lines) > 7 else ""  # noqa: PLR2004  LOCK_FILE_LINE_PM_STATUS is the eighth

    def stop(self) -> None:
        """Stop it, ending open sessions."""
        self._child.stop()

    @property
    def _place(self) -> str:
        return "/proc/self/cwd" if self._as_root and LINUX else str(self._dir)

    @property
    def _identity(self) -> dict[str, Any]:
        """How the server's processes are started: inside the data folder, and never as root."""
        environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"}
        options: dict[str, Any] = {"cwd": self._dir, "env": environment}
        if self._as_root:
            nobody = pwd.getpwnam("nobody")
            options |= {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        return options

    def _initialise(self) -> None:
        """Make the cluster, its one user with a random password, and the database."""
        self._dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self._as_root:
            nobody = pwd.getpwnam("nobody")
            os.chown(self._dir, nobody.pw_uid, nobody.pw_gid)
        self._password_file.touch(mode=0o600)
        self._password_file.write_text(secrets.token_urlsafe(24))
        cluster = (
            "-D",
            self._place,
            "-U",
            USER,
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-locale",
            "--no-instructions",
        )
        self._run(["initdb", *cluster], "")
        password = self._password_file.read_text()
        self._run(
            ["postgres", "--single", "-D", self._place, "postgres"],
            f"ALTER USER {USER} PASSWORD '{password}'\nCREATE DATABASE {DATABASE}\n",
        )
        (self._dir / "pg_hba.conf").write_text("host all all 127.0.0.1/32 scram-sha-256\n")

    def _run(self, command: list[str], standard_input: str) -> None:
        program = self._folder / "bin" / command[0]
        done = subprocess.run(  # noqa: S603  our own command
            [program, *command[1:]],
            input=standard_input,
            capture_output=True,
            text=True,
            check=False,
            **self._identity,
        )
        if done.returncode:
            raise ServerFailed(f"{command[0]} failed on {self._dir}:\n{done.stderr[-1500:]}")
