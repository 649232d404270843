"""HTTP servers inside our own event loop."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import asyncpg
import uvicorn
from nats.aio.client import Client
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from chassis.errors import CannotListen

Application = Callable[..., Awaitable[None]]


UNREAD_SECONDS = 30.0
"""A client that takes nothing for so long, of what was written to it, loses its connection (tcp(7), TCP_USER_TIMEOUT)."""


class _Server(uvicorn.Server):
    """A server that leaves signals to the process."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(
    app: Any,
    host: str,
    port: int,
    ready: asyncio.Event | None,
    stop: asyncio.Event,
    on_bound: Callable[[int], None] | None = None,
) -> None:
    """Serve an ASGI app until ``stop`` is set; open requests then get 5 s to end.

    Port 0 takes a free one; ``on_bound`` is told which. Raises CannotListen that names host and port when the
    address cannot be used, and RuntimeError when the app fails to start.
    """
    listener = _listen(host, port)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=5,
        server_header=False,
    )
    server = _Server(config)
    serving = asyncio.ensure_future(server.serve(sockets=[listener]))
    stopping = asyncio.ensure_future(stop.wait())
    try:
        while not server.started and not serving.done():  # noqa: ASYNC110  uvicorn gives no event for it
            await asyncio.sleep(0.01)
        if not server.started:
            raise RuntimeError(f"the application on {host}:{port} did not start")
        if on_bound is not None:
            on_bound(listener.getsockname()[1])
        if ready is not None:
            ready.set()
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        server.should_exit = True
        await serving
        listener.close()


def _listen(host: str, port: int) -> socket.socket:
    """Bind; uvicorn's own way ends the whole process when it fails.

    The protocol is named because asyncio sets TCP_NODELAY only where it is: without it an answer's body waits up to
    40 ms for the client to acknowledge its head.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux; its connections inherit it
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(UNREAD_SECONDS * 1000))
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise CannotListen(f"cannot listen on {host}:{port}: {error.strerror}") from error
    return listener


def operations_app(live: Callable[[], bool], ready: Callable[[], Awaitable[dict[str, str]]]) -> Application:
    """Return an ASGI app with ``/health``, ``/ready`` and ``/metrics``.

    ``ready`` returns what is wrong by name; an empty answer means ready.
    """

    async def answer(path: str) -> tuple[int, str, bytes]:
        if path == "/metrics":
            return 200, CONTENT_TYPE_LATEST, generate_latest()
        if path == "/health":
            status, word = (200, "ok") if live() else (503, "dead")
            return status, "application/json", json.dumps({"status": word}).encode()
        if path == "/ready":
            problems = await ready()
            body = {"status": "unready" if problems else "ready", "problems": problems}
            return 503 if problems else 200, "application/json", json.dumps(body).encode()
        return 404, "application/json", b'{"status": "not found"}'

    async def app(scope: dict[str, Any], _receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        status, content_type, body = await answer(scope["path"])
        headers = [(b"content-type", content_type.encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app


def operations(
    port: int, stop: asyncio.Event, client: Client, pool: asyncpg.Pool | None = None
) -> list[Coroutine[Any, Any, None]]:
    """Return the loop that serves ``operations_app`` on all addresses, none for port 0.

    A service is ready while its NATS client is connected and its database, if it has one, answers within 2 s.
    """
    if not port:
        return []

    async def problems() -> dict[str, str]:
        found = {} if client.is_connected else {"nats": "not connected"}
        try:
            if pool is not None:
                await pool.execute("SELECT 1", timeout=2)
        except (OSError, asyncpg.PostgresError, TimeoutError) as error:
            found["postgres"] = str(error) or type(error).__name__
        return found

    return [serve(operations_app(lambda: True, problems), "0.0.0.0", port, None, stop)]
