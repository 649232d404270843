"""What the numbers depend on: the machine, its disk, the servers."""

from __future__ import annotations

import os
import platform
import subprocess
import tempfile
import time
from importlib import metadata
from pathlib import Path

from blog_writer.embedded.wheels import nats_binary, postgres_folder

SYNCS = 200


def facts() -> dict[str, str]:
    """Return the facts that stand above the table."""
    return {
        "machine": f"{os.cpu_count()} cores, {_processor()}, {_memory():.0f} GB",
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "fsync": f"{_fsync_microseconds():.0f} us (of 100 bytes in {tempfile.gettempdir()}, median)",
        "servers": f"{_version(postgres_folder() / 'bin/postgres')}; {_version(nats_binary())}, sync always",
        "libraries": ", ".join(
            f"{name} {metadata.version(name)}" for name in ("litestar", "uvicorn", "asyncpg", "nats-py")
        ),
    }


def _version(program: Path) -> str:
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)  # noqa: S603  our own
    return done.stdout.strip()


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")),
        platform.machine(),
    )


def _memory() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def _fsync_microseconds() -> float:
    seconds = []
    with tempfile.TemporaryFile() as file:
        for _ in range(SYNCS):
            start = time.perf_counter()
            file.write(b"x" * 100)
            file.flush()
            os.fsync(file.fileno())
            seconds.append(time.perf_counter() - start)
    return sorted(seconds)[SYNCS // 2] * 1e6
