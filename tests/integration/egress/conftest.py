"""Canaries: listeners at addresses that nobody may be led to, and that count who comes all the same."""

from __future__ import annotations

import asyncio
import contextlib
import errno
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest


class Canaries:
    """One port at several addresses of this machine."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.port = 0

    async def listen(self, address: str) -> asyncio.Server:
        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.seen.append(address)
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nsecret")
            writer.close()

        server = await asyncio.start_server(connected, address, self.port)
        self.port = server.sockets[0].getsockname()[1]
        return server


@pytest.fixture
async def canaries() -> AsyncIterator[Canaries]:
    birds = Canaries()
    async with AsyncExitStack() as stack:
        for address in ("127.0.0.1", "127.0.0.2", "::1"):
            try:
                await stack.enter_async_context(await birds.listen(address))
            except OSError as error:
                if address != "::1" or error.errno not in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}:
                    raise
        yield birds
