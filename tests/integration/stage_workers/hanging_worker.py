"""A worker as a process of its own, whose stage calls once through a checkpoint and then hangs.

``hanging_worker.py <nats-url> <object-folder> <marker>``; the marker appears once the stage hangs.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from chassis.broker import connect
from conftest import Bench  # this folder's own
from contracts.stages import StageId


async def main(url: str, folder: Path, marker: Path) -> None:
    async def paid() -> str:
        return "from the worker that was killed"

    async def hang(_inp: Any, ctx: Any) -> None:
        await ctx.checkpoint("paid", str, paid)
        await asyncio.to_thread(marker.touch)
        await asyncio.Event().wait()

    server: Any = SimpleNamespace(url=url)
    bench = Bench(server, await connect(url, "test"), folder)
    async with bench.worker({StageId.COMPANY: hang}):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])))
