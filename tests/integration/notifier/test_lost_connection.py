"""A connection that NATS closes for good, as after a refused sign-in, ends the notifier: somebody starts it again."""

from __future__ import annotations

import asyncio

import pytest
from nats.aio.client import Client

from chassis.errors import ConnectionLost
from notifier.service import run


async def test_a_connection_that_is_closed_for_good_ends_the_notifier(settings, jobs, monkeypatch) -> None:
    clients, connect, ready = [], Client.connect, asyncio.Event()

    async def remembered(self, *args, **options) -> None:
        clients.append(self)
        await connect(self, *args, **options)

    monkeypatch.setattr(Client, "connect", remembered)
    task = asyncio.create_task(run(settings, ready, asyncio.Event()))
    async with asyncio.timeout(20):
        await ready.wait()
        (client,) = (each for each in clients if each.is_connected and each.options["name"] == "notifier")
        await asyncio.sleep(0.5)  # so that a request for events is open
        await client._process_err("'User Authentication Expired'")
        with pytest.RaisesGroup(ConnectionLost, allow_unwrapped=True, flatten_subgroups=True):
            await task
