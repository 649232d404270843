"""DBOS: one process runs the workflows; each step's output is a row in Postgres before the next step starts.

Steps 5 to 10 run side by side, as in blog-writer's pipeline.
"""

from __future__ import annotations

import asyncio
import os

from bench.peers.load import measure
from dbos import DBOS, DBOSConfig


@DBOS.step()
async def step(number: int) -> int:
    return number


@DBOS.workflow()
async def article() -> int:
    for number in range(4):
        await step(number)
    await asyncio.gather(*(step(number) for number in range(4, 10)))
    for number in range(10, 13):
        await step(number)
    return 13


async def workflow() -> None:
    handle = await DBOS.start_workflow_async(article)
    await handle.get_result()


def main() -> None:
    url = os.environ["DATABASE_URL"]
    config: DBOSConfig = {
        "name": "peers",
        "system_database_url": url,
        "sys_db_pool_size": int(os.environ.get("PEERS_DBOS_POOL", "20")),
        "run_admin_server": False,
        "log_level": "WARNING",
    }
    DBOS(config=config)
    DBOS.launch()
    asyncio.run(measure(workflow))
    DBOS.destroy()


if __name__ == "__main__":
    main()
