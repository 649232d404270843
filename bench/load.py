"""The load generator, a process of its own: keep-alive connections that send prepared requests.

Run as ``python -m bench.load``: a :class:`Load` as JSON on stdin, a :class:`Loaded` on stdout.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
from collections.abc import Iterator

import msgspec

from bench.measure import latencies

WARM_UP_SECONDS = 0.5


class Load(msgspec.Struct):
    """What to send."""

    port: int
    connections: int
    seconds: float
    requests: list[str]
    """Taken in turn."""


class Loaded(msgspec.Struct):
    """What came back."""

    measured: dict[str, float]
    refused: int
    """Answers other than 2xx."""


def request(method: str, path: str, body: str = "") -> str:
    """Return an HTTP/1.1 request as text."""
    head = f"{method} {path} HTTP/1.1\r\nHost: bench\r\n"
    return (
        f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        if body
        else f"{head}\r\n"
    )


class _Connection(asyncio.Protocol):
    """Sends the next request as soon as the answer to the last one is complete."""

    def __init__(self, run: _Run) -> None:
        self._run = run
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  TCP
        self._transport = transport
        self._send()

    def _send(self) -> None:
        self._start = time.perf_counter()
        self._transport.write(next(self._run.requests))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0 or len(self._buffer) < end + 4 + _content_length(self._buffer[:end]):
            return
        self._run.answered(time.perf_counter() - self._start, ok=self._buffer[9:10] == b"2")
        self._buffer = b""
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        self._run.lost(exc)


def _content_length(head: bytes) -> int:
    return int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])


class _Run:
    def __init__(self, requests: Iterator[bytes]) -> None:
        self.requests = requests
        self.seconds: list[float] = []
        self.refused = 0
        self.measuring = False
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def answered(self, seconds: float, *, ok: bool) -> None:
        if self.measuring:
            self.seconds.append(seconds)
        self.refused += not ok

    def lost(self, error: Exception | None) -> None:
        if not self.over.done():
            self.over.set_exception(error or ConnectionError("the server closed a connection"))


async def run(load: Load) -> Loaded:
    """Put the load on the server."""
    state = _Run(itertools.cycle([text.encode() for text in load.requests]))
    loop = asyncio.get_running_loop()
    for _ in range(load.connections):
        await loop.create_connection(lambda: _Connection(state), "127.0.0.1", load.port)
    loop.call_later(WARM_UP_SECONDS, setattr, state, "measuring", True)
    loop.call_later(WARM_UP_SECONDS + load.seconds, state.over.set_result, None)
    await state.over
    return Loaded(
        {"requests/s": len(state.seconds) / load.seconds, **latencies(state.seconds)}, state.refused
    )


async def put(load: Load) -> dict[str, float]:
    """Put the load on the server from a process of its own. Raises RuntimeError when an answer is not 2xx."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.load", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await child.communicate(msgspec.json.encode(load))
    loaded = msgspec.json.decode(output, type=Loaded)
    if loaded.refused:
        raise RuntimeError(f"{loaded.refused} requests were refused")
    return loaded.measured


if __name__ == "__main__":
    result = asyncio.run(run(msgspec.json.decode(sys.stdin.buffer.read(), type=Load)))
    sys.stdout.buffer.write(msgspec.json.encode(result))
