"""Processor time of everything that takes part in a run: less at the mercy of what else the machine does than a clock."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple


class Process(NamedTuple):
    """A line of /proc/<pid>/stat (proc(5)): its parent and the ticks that it and its ended children have used."""

    pid: int
    parent: int
    ticks: int


def seconds_used(root: int) -> float:
    """Return what the descendants of ``root`` have used so far, user and system time together; Linux only."""
    processes = [process for path in Path("/proc").glob("[0-9]*/stat") if (process := _read(path))]
    family, grown = {root}, True
    while grown:
        found = {process.pid for process in processes if process.parent in family} - family
        family |= found
        grown = bool(found)
    ticks = sum(process.ticks for process in processes if process.pid in family - {root})
    return ticks / os.sysconf("SC_CLK_TCK")


def _read(path: Path) -> Process | None:
    try:
        fields = path.read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return Process(int(path.parent.name), int(fields[1]), sum(map(int, fields[11:15])))
