"""nats-py's client, without the fault that makes it deaf."""

from __future__ import annotations

import asyncio

from nats.aio.client import Client


class SteadyClient(Client):
    """A client that survives the late answer to a round trip that nobody waits for any more.

    In nats-py (2.16) such an answer ends the task that reads from the server: until the link counts as dead, half a
    minute later, the client goes on sending and hears nothing.
    """

    async def _process_pong(self) -> None:
        if self._pongs and self._pongs[0].done():
            self._pongs[0] = asyncio.get_running_loop().create_future()
        await super()._process_pong()
