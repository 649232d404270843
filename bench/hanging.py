"""The real worker with stages that hang, and say when they began and when they were stopped. ``python -m bench.hanging``.

It answers plain requests, too: what a message there and back takes is the least that a stop can take.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from nats.aio.client import Client
from nats.aio.msg import Msg

from chassis.broker import connect
from chassis.lifecycle import main
from contracts.stages import StageId
from stage_workers.ports import StageContext
from stage_workers.registry import StageFunction
from stage_workers.service import run
from stage_workers.settings import Settings

BEGUN = "bench.begun"
STOPPED = "bench.stopped"
ECHO = "bench.echo"


def _hanging(client: Client) -> StageFunction:
    async def hang(_input: Any, context: StageContext) -> Any:
        number = context.job_id.encode()
        await client.publish(BEGUN, number)
        try:
            await asyncio.Event().wait()
        finally:
            await client.publish(STOPPED, number)

    return hang


async def _echo(message: Msg) -> None:
    await message.respond(message.data)


async def run_hanging(settings: Settings, ready: asyncio.Event, stop: asyncio.Event) -> None:
    """Run the worker until ``stop`` is set."""
    client = await connect(settings.nats_url, "bench-hanging")
    try:
        await client.subscribe(ECHO, cb=_echo)
        await run(settings, ready, stop, dict.fromkeys(StageId, _hanging(client)))
    finally:
        await client.close()


if __name__ == "__main__":
    sys.exit(main(run_hanging, Settings))
