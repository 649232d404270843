"""Procrastinate's worker process."""

from __future__ import annotations

import asyncio
import os

from bench.peers.procrastinate.tasks import app


async def main() -> None:
    async with app.open_async():
        await app.run_worker_async(
            concurrency=int(os.environ["PEERS_CONCURRENT"]), fetch_job_polling_interval=0.5
        )


if __name__ == "__main__":
    asyncio.run(main())
