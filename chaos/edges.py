"""TCP proxies, one for each edge of the system, that can be told to behave like a bad network."""

from __future__ import annotations

import asyncio
import contextlib
import enum
import random
import socket
import struct

CHUNK = 64 * 1024
DRIP_BYTES = 256
DRIP_SECONDS = 0.02
LATENCY_SECONDS = (0.1, 0.3)


class Mode(enum.StrEnum):
    """How an edge behaves."""

    PASS = "pass"  # noqa: S105  no password
    BLACKHOLE = "blackhole"
    """Connections stay open and nothing passes; what is under way arrives when the edge heals."""
    RESET = "reset"
    """Connections are reset, new ones at once."""
    LATENCY = "latency"
    """Every piece takes 100 to 300 ms more, each way."""
    HALF_OPEN = "half_open"
    """One way of the connections that are open now is dead for ever, without a word; new ones work."""
    DRIP = "drip"
    """About 12 KB a second pass."""


class _Link:
    """One proxied connection: two writers, and which way is dead."""

    def __init__(self, writers: tuple[asyncio.StreamWriter, ...]) -> None:
        self.writers = writers
        self.dead: int | None = None

    def reset(self) -> None:
        for writer in self.writers:
            sock = writer.get_extra_info("socket")
            if sock is not None and not writer.is_closing():
                with contextlib.suppress(OSError):
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()


class Edge:
    """One edge: any number of listeners that behave alike."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.mode = Mode.PASS
        self._open = asyncio.Event()
        self._open.set()
        self._servers: list[asyncio.Server] = []
        self._links: set[_Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def listen(self, port: int, address: str = "127.0.0.1") -> int:
        """Proxy a port of this machine; return the port to use instead, at ``address``."""

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._tasks.add(task)
            try:
                await self._serve(reader, writer, port)
            except asyncio.CancelledError:
                return  # closed; asyncio's streams would log a cancelled task as an error
            finally:
                self._tasks.discard(task)
                writer.transport.abort()

        server = await asyncio.start_server(connected, address, 0)
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    def become(self, mode: Mode, *, dead: int = 0) -> None:
        """Change the behaviour. ``dead``: which way HALF_OPEN kills, 0 to the server, 1 from it."""
        self.mode = mode
        if mode is Mode.BLACKHOLE:
            self._open.clear()
        else:
            self._open.set()
        for link in set(self._links):
            if mode is Mode.RESET:
                link.reset()
            elif mode is Mode.HALF_OPEN and link.dead is None:
                link.dead = dead

    def heal(self, *, cut: bool = False) -> None:
        """Pass everything again; ``cut`` resets what was open, as a long partition does."""
        if cut:
            for link in set(self._links):
                link.reset()
        self.become(Mode.PASS)

    async def close(self) -> None:
        """Stop listening and end all connections."""
        for server in self._servers:
            server.close()
        for link in set(self._links):
            link.reset()
        for task in set(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
        await self._open.wait()
        if self.mode is Mode.RESET:
            _Link((writer,)).reset()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return
        link = _Link((writer, far_writer))
        self._links.add(link)
        pumps = [
            asyncio.ensure_future(self._pump(link, 0, reader, far_writer)),
            asyncio.ensure_future(self._pump(link, 1, far_reader, writer)),
        ]
        try:
            ended, _ = await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            if link.dead is not None and pumps[link.dead] in ended:
                await asyncio.wait(pumps)  # the end gets lost like all else that goes this way
        finally:
            self._links.discard(link)
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            for end in link.writers:
                end.close()

    async def _pump(
        self, link: _Link, way: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK):
                await self._open.wait()
                if link.dead == way:
                    continue
                await self._pass_on(data, writer)
            if not link.dead and writer.can_write_eof():
                await writer.drain()

    async def _pass_on(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        if self.mode is Mode.LATENCY:
            await asyncio.sleep(random.uniform(*LATENCY_SECONDS))
        size = DRIP_BYTES if self.mode is Mode.DRIP else CHUNK
        for start in range(0, len(data), size):
            writer.write(data[start : start + size])
            await writer.drain()
            if self.mode is Mode.DRIP:
                await asyncio.sleep(DRIP_SECONDS)
