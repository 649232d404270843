"""Memory and processor time of the idle all-in-one, as a share of what it may take."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import psutil

from bench.measure import Line, line
from bench.processes import START_SECONDS, process

MEMORY_LIMIT_MB = 400.0
CPU_LIMIT_PERCENT = 3.0
"""Of one core."""
SETTLE_SECONDS = 8.0
WINDOW_SECONDS = 4.0


def _group(pid: int) -> list[psutil.Process]:
    parent = psutil.Process(pid)
    return [parent, *parent.children(recursive=True)]


def memory_mb(pid: int) -> float:
    """Return the memory of a process and all below it; what they share is counted once (PSS)."""
    return float(sum(member.memory_full_info().pss for member in _group(pid))) / 2**20


def cpu_seconds(pid: int) -> float:
    """Return the processor time of a process and all below it, those that ended included."""
    return float(sum(sum(member.cpu_times()[:4]) for member in _group(pid)))


async def measure(rounds: int) -> list[Line]:
    """Return the row; a round is a window of time in one and the same idle system."""
    with tempfile.TemporaryDirectory(prefix="blog-writer-bench-") as name:
        folder = Path(name)
        arguments = ("up", "--port", "0", "--data-dir", str(folder / "data"))
        async with process(folder, "blog_writer", {}, *arguments) as pid:
            async with asyncio.timeout(START_SECONDS):
                while not (folder / "data/running.json").exists():  # noqa: ASYNC110  another process writes it
                    await asyncio.sleep(0.1)
            await asyncio.sleep(SETTLE_SECONDS)
            memory, cpu = [], []
            for _ in range(rounds):
                before = cpu_seconds(pid)
                await asyncio.sleep(WINDOW_SECONDS)
                cpu.append((cpu_seconds(pid) - before) / WINDOW_SECONDS * 100)
                memory.append(memory_mb(pid))
    return [
        line("footprint", "PSS MB", "limit", memory, [MEMORY_LIMIT_MB] * rounds),
        line("footprint", "CPU % of a core", "limit", cpu, [CPU_LIMIT_PERCENT] * rounds),
    ]
