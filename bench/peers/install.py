"""A virtual environment for each peer, from its pinned requirements, and the servers that are no Python packages."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
FOLDER = ROOT / ".peers"
"""Git-ignored; everything that is installed or written lies here."""
SECONDS = 600


class NotInstalled(Exception):
    """What could not be installed, in the installer's words."""


def python(peer: str) -> Path:
    """Return the interpreter of a peer's environment, made if it is missing or its requirements have changed."""
    requirements = HERE / peer / "requirements.txt"
    environment = FOLDER / peer
    interpreter = environment / "bin/python"
    wanted = hashlib.sha256(requirements.read_bytes()).hexdigest()
    stamp = environment / ".installed"
    if not stamp.exists() or stamp.read_text() != wanted:
        uv = Path(sys.executable).with_name("uv")
        _run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, environment])
        _run([uv, "pip", "install", "--quiet", "--python", interpreter, "-r", requirements])
        stamp.write_text(wanted)
    return interpreter


def version(peer: str, package: str) -> str:
    """Return the version that a peer's requirements pin."""
    lines = (HERE / peer / "requirements.txt").read_text().splitlines()
    return dict(line.split("==") for line in lines)[package]


def restate_server() -> Path:
    """Return the Restate server's program; npm brings it."""
    target = FOLDER / "restate-server"
    package = HERE / "restate/package.json"
    copy = target / "package.json"
    if not copy.exists() or copy.read_bytes() != package.read_bytes():
        target.mkdir(parents=True, exist_ok=True)
        npm = _program("npm", "Node.js with npm")
        shutil.copy(package, copy)
        try:
            _run([npm, "install", "--silent", "--no-audit", "--no-fund", "--prefix", target])
        except NotInstalled:
            copy.unlink()
            raise
    found = sorted(target.glob("node_modules/@restatedev/restate-server-*/bin/restate-server"))
    if not found:
        raise NotInstalled("npm installed @restatedev/restate-server without a program for this machine")
    return found[0]


def redis_server() -> Path:
    """Return the Redis server's program: the machine's own, or Debian's package when root may install it."""
    if shutil.which("redis-server") is None and os.geteuid() == 0 and shutil.which("apt-get"):
        _run(["apt-get", "install", "-y", "--no-install-recommends", "redis-server"])
    return _program("redis-server", "a Redis server (Debian package redis-server)")


def _program(name: str, what: str) -> Path:
    found = shutil.which(name)
    if found is None:
        raise NotInstalled(f"{name} is not on the PATH: {what} is needed")
    return Path(found)


def _run(command: Sequence[str | Path]) -> None:
    try:
        done = subprocess.run(  # noqa: S603  our own command
            command, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotInstalled(str(error)) from error
    if done.returncode:
        shown = " ".join(map(str, command))
        raise NotInstalled(
            f"{shown}: exit code {done.returncode}: {(done.stderr or done.stdout).strip()[-1000:]}"
        )
