"""The sample site behind a door that can be slow or shut: real HTTP with the latency that a test asks for."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import uvicorn


class SlowSite:
    """Serves another site's pages under its own address; ``delay`` seconds pass before each answer."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.url = ""
        self.delay = 0.0
        self.shut = threading.Event()
        """While set, pages under /blog/ and every later request wait."""
        self.requests: list[str] = []
        self.abandoned = 0
        """Requests whose client went away before the answer."""

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        self.requests.append(scope["path"])
        gone = asyncio.ensure_future(self._gone(receive))
        try:
            if not await self._wait(gone):
                self.abandoned += 1
                return
        finally:
            gone.cancel()
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.get(self.origin + scope["path"])
        body = answer.content.replace(self.origin.encode(), self.url.encode())
        headers = [(b"content-type", answer.headers.get("content-type", "text/html").encode())]
        await send({"type": "http.response.start", "status": answer.status_code, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _wait(self, gone: asyncio.Future[None]) -> bool:
        """Wait as long as the door says; return whether the client is still there."""
        end = time.monotonic() + self.delay
        while (self.shut.is_set() or time.monotonic() < end) and not gone.done():
            await asyncio.sleep(0.02)
        return not gone.done()

    async def _gone(self, receive: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass


@contextmanager
def slow_site(origin: str) -> Iterator[SlowSite]:
    """Serve ``origin`` slowly from a thread of its own."""
    site = SlowSite(origin)
    server = uvicorn.Server(uvicorn.Config(site, port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    site.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        yield site
    finally:
        site.shut.clear()
        server.should_exit = True
        thread.join(10)
