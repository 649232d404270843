"""A model provider that costs nothing: a real HTTP server with the interfaces of Gemini and OpenAI, for tests and
``demo --fake-model``. It writes from the material it is given, and fails as it is told to.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from threading import Thread

from blog_writer.fake_model.exchange import Fault
from blog_writer.fake_model.server import MODELS, FakeModel

__all__ = ["MODELS", "FakeModel", "Fault", "serve_fake_model"]


@asynccontextmanager
async def serve_fake_model(
    *, key: str = "fake-key", flawed_first: bool = False, port: int = 0
) -> AsyncIterator[FakeModel]:
    """Serve on 127.0.0.1, on a free port if ``port`` is 0. With ``flawed_first`` a job's first draft fails the gate."""
    server = FakeModel(port, key, flawed_first=flawed_first)
    thread = Thread(target=server.serve_forever, args=(0.05,), name="fake-model", daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.stopping.set()
        await asyncio.to_thread(server.shutdown)
        thread.join()
        server.server_close()
