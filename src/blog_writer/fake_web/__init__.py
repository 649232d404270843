"""A small web that is openly made up, with a search engine over it, for tests and ``demo --fake-model``: real HTTP
servers on loopback, one for each publisher, since the system judges pages by their hosts.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http.server import ThreadingHTTPServer
from threading import Thread
from typing import NamedTuple

from blog_writer.fake_web.documents import Document, documents, publishers
from blog_writer.fake_web.hostile import HostileSite
from blog_writer.fake_web.publisher import Publisher
from blog_writer.fake_web.search import FakeSearch, Fault

__all__ = [
    "Document",
    "FakeSearch",
    "FakeWeb",
    "Fault",
    "HostileSite",
    "serve_fake_web",
    "serve_hostile_site",
]


class FakeWeb(NamedTuple):
    """Where the web is."""

    search: FakeSearch
    publishers: tuple[Publisher, ...]


@asynccontextmanager
async def serve_fake_web(
    *, key: str = "fake-key", languages: tuple[str, ...] = ("en",)
) -> AsyncIterator[FakeWeb]:
    """Serve on 127.0.0.1, on free ports. ``key`` is what the endpoint in Brave's format wants; there are pages in
    ``languages`` en, de and fr."""
    sites = tuple(Publisher(name) for name in publishers(languages))
    search = FakeSearch([page for site in sites for page in documents(site.name, site.url)], key)
    threads = [_started(server) for server in (search, *sites)]
    for site in sites:
        site.link(sites)
    try:
        yield FakeWeb(search, sites)
    finally:
        search.stopping.set()
        for server, thread in zip((search, *sites), threads, strict=True):
            await asyncio.to_thread(server.shutdown)
            thread.join()
            server.server_close()


@asynccontextmanager
async def serve_hostile_site() -> AsyncIterator[HostileSite]:
    """Serve the pages that give orders to machines, on 127.0.0.1."""
    site = HostileSite()
    thread = _started(site)
    try:
        yield site
    finally:
        await asyncio.to_thread(site.shutdown)
        thread.join()
        site.server_close()


def _started(server: ThreadingHTTPServer) -> Thread:
    thread = Thread(target=server.serve_forever, args=(0.05,), name="fake-web", daemon=True)
    thread.start()
    return thread
