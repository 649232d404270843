"""One made-up publisher's web site."""

from __future__ import annotations

from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from blog_writer.fake_web.documents import Document, documents, html


class Publisher(ThreadingHTTPServer):
    """A site on loopback, which ``link`` connects with the others. ``requests`` are the paths asked for."""

    daemon_threads = True

    def __init__(self, name: str, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.name = name
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.documents = documents(name, self.url)
        self.requests: list[str] = []
        self.links: tuple[Document, ...] = self.documents

    def link(self, others: Iterable[Publisher]) -> None:
        """Let each page link to the pages of all ``others``."""
        self.links = tuple(page for site in others for page in site.documents)

    def page(self, path: str) -> bytes | None:
        """Return the page at a path, None when there is none."""
        found = next((page for page in self.documents if urlsplit(page.url).path == path), None)
        return None if found is None else html(found, self.name, self.links).encode()


class _Handler(BaseHTTPRequestHandler):
    server: Publisher

    def do_GET(self) -> None:
        self.server.requests.append(self.path)
        body = self.server.page(urlsplit(self.path).path)
        self.send_response(404 if body is None else 200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's name
        """Stay silent: this is no part of the system that logs."""
