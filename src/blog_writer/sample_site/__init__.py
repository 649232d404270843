"""The bundled sample site: the pages of a fictional firm, served on loopback for ``demo`` and the tests.

The files in ``pages`` are a whole static site. ``{{base}}`` in them stands for the address that they are served
at, which canonical links, JSON-LD, ``robots.txt`` and the sitemap need in absolute form.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from importlib.resources.abc import Traversable
from threading import Thread
from typing import NamedTuple
from urllib.parse import urlsplit

_CONTENT_TYPES = {
    "html": "text/html; charset=utf-8",
    "xml": "application/xml; charset=utf-8",
    "txt": "text/plain; charset=utf-8",
    "css": "text/css; charset=utf-8",
}


class Page(NamedTuple):
    content_type: str
    body: bytes


_NOT_FOUND = Page(
    _CONTENT_TYPES["html"],
    b'<!DOCTYPE html>\n<html lang="en-GB"><head><title>Not found</title></head>'
    b"<body><h1>There is no such page</h1></body></html>\n",
)


@asynccontextmanager
async def serve_sample_site(port: int = 0) -> AsyncIterator[str]:
    """Serve the site on 127.0.0.1, on a free port if ``port`` is 0; yield its base URL without a final slash."""
    server = _Server(("127.0.0.1", port), _Handler)
    thread = Thread(target=server.serve_forever, args=(0.05,), name="sample-site", daemon=True)
    thread.start()
    try:
        yield server.base
    finally:
        await asyncio.to_thread(server.shutdown)
        thread.join()
        server.server_close()


def pages(base: str) -> dict[str, Page]:
    """Return every page of the site by its path, as served at ``base``; ``about.html`` is found at ``/about``."""
    root = resources.files(__name__) / "pages"
    return {
        _path(name): Page(_CONTENT_TYPES[name.rpartition(".")[2]], text.replace("{{base}}", base).encode())
        for name, text in _files(root, "")
    }


def _files(folder: Traversable, prefix: str) -> list[tuple[str, str]]:
    found = []
    for entry in folder.iterdir():
        if entry.is_dir():
            found += _files(entry, f"{prefix}{entry.name}/")
        else:
            found.append((prefix + entry.name, entry.read_text(encoding="utf-8")))
    return found


def _path(name: str) -> str:
    stem = name.removesuffix(".html")
    return "/" + (stem.removesuffix("index") if stem != name else name)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(address, handler)
        self.base = f"http://127.0.0.1:{self.server_port}"
        self.pages = pages(self.base)


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        self.wfile.write(self._head())

    def do_HEAD(self) -> None:
        self._head()

    def _head(self) -> bytes:
        page = self.server.pages.get(urlsplit(self.path).path)
        status = HTTPStatus.OK if page else HTTPStatus.NOT_FOUND
        content_type, body = page or _NOT_FOUND
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        return body

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Stay silent: the sample site is no part of the system that logs."""
