"""HTTP for load drivers: POST of JSON over kept connections, cheap enough not to be what is measured."""

from __future__ import annotations

import asyncio
import time

IDLE_SECONDS = 3.0
"""After which a connection is not used again: servers close idle ones (uvicorn after 5 s)."""

_Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Poster:
    """Posts to one server of this machine; as many connections as there are requests at once."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[tuple[float, _Connection]] = []

    async def post(self, path: str, body: bytes) -> bytes:
        """Return the answer's body. Raises RuntimeError unless it is a success."""
        reader, writer = connection = await self._connection()
        kind = "content-type: application/json\r\n" if body else ""
        head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n{kind}"
        writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        status, answer = await _answer(reader)
        if not status.startswith("2"):
            raise RuntimeError(f"POST {path}: {status} {answer[:300]!r}")
        self._idle.append((time.monotonic(), connection))
        return answer

    async def _connection(self) -> _Connection:
        if self._idle:
            since, connection = self._idle.pop()
            if time.monotonic() - since < IDLE_SECONDS:
                return connection
            connection[1].close()
        return await asyncio.open_connection("127.0.0.1", self._port)


async def _answer(reader: asyncio.StreamReader) -> tuple[str, bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines if line)
    if headers.get("transfer-encoding") == "chunked":
        return first.split(" ", 1)[1], await _chunks(reader)
    return first.split(" ", 1)[1], await reader.readexactly(int(headers.get("content-length", "0")))


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int(await reader.readuntil(b"\r\n"), 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readuntil(b"\r\n")
    return body
