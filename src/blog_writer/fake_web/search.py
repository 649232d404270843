"""A search engine over the made-up web that answers in the formats of SearXNG and of Brave, and logs each query."""

from __future__ import annotations

import contextlib
import json
import math
from collections import Counter, deque
from collections.abc import Sequence
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from blog_writer.fake_web.documents import Document
from stage_workers.keywords import fold, words

RETRY_AFTER = 7
MOST_HITS = 10
_SNIPPET = 200
_BRAVE = "/res/v1/web/search"


class Fault(StrEnum):
    """What can go wrong with one search."""

    RATE_LIMITED = "429 with Retry-After"
    FORBIDDEN = "403"
    SERVER_ERROR = "500"
    HANGING = "never answers"
    DRIPPING = "the answer comes byte by byte and never ends"
    CUT = "the connection ends in the middle of the answer"
    HTML = "200 with a page"
    EMPTY = "200 with nothing"
    OTHER_JSON = "200 with JSON of another kind"
    MOVED = "302"
    ENDLESS = "200 with more than anybody wants"
    NOTHING_FOUND = "no results"


_STATUS = {Fault.RATE_LIMITED: 429, Fault.FORBIDDEN: 403, Fault.SERVER_ERROR: 500, Fault.MOVED: 302}
_PAGE = b"<!DOCTYPE html><html><head><title>Are you a robot?</title></head><body>Tick the box.</body></html>"
_BODIES = {Fault.HTML: _PAGE, Fault.EMPTY: b"", Fault.OTHER_JSON: b'{"results": 7, "web": []}'}


class Asked(NamedTuple):
    """A search that came, for tests to look at."""

    query: str
    parameters: dict[str, str]


class FakeSearch(ThreadingHTTPServer):
    """One engine. ``faults`` are taken one for each request, in order; None is none."""

    daemon_threads = True

    def __init__(self, pages: Sequence[Document], key: str, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.brave_url = self.url + _BRAVE
        self.key = key
        self.faults: deque[Fault | None] = deque()
        self.asked: list[Asked] = []
        self.hung_up = Event()
        """Set when a client ended a search that hung."""
        self.stopping = Event()
        self._index: list[tuple[Document, Counter[str]]] = []
        self._lock = Lock()
        self.add(pages)

    def add(self, pages: Sequence[Document]) -> None:
        """Let more pages be found."""
        self._index += [(page, Counter(_stems(f"{page.title} {page.title} {page.text}"))) for page in pages]

    @property
    def queries(self) -> list[str]:
        """Return every query that came, in order."""
        return [each.query for each in self.asked]

    def take(self, asked: Asked) -> Fault | None:
        """Log a search and return its fault."""
        with self._lock:
            self.asked.append(asked)
            return self.faults.popleft() if self.faults else None

    def find(self, query: str) -> list[Document]:
        """Return the pages that have words of the query, rare ones first."""
        wanted = set(_stems(query))
        rare = {
            word: math.log(1 + len(self._index) / (1 + sum(word in counts for _, counts in self._index)))
            for word in wanted
        }
        scored = [
            (sum(rare[word] * math.sqrt(counts[word]) for word in wanted), page)
            for page, counts in self._index
        ]
        best = sorted((each for each in scored if each[0] > 0), key=lambda each: -each[0])
        return [page for _, page in best[:MOST_HITS]]


def _stems(text: str) -> list[str]:
    return [fold(word) for word in words(text)]


class _Handler(BaseHTTPRequestHandler):
    server: FakeSearch

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        parameters = dict(parse_qsl(parts.query, keep_blank_values=True))
        query = parameters.get("q", "")
        fault = self.server.take(Asked(query, parameters))
        if fault in {Fault.HANGING, Fault.DRIPPING, Fault.ENDLESS}:
            self._never_end(fault)
        elif fault in _STATUS:
            self._send(_STATUS[fault], _PAGE, "text/html")
        elif fault in _BODIES:
            self._send(200, _BODIES[fault], "text/html")
        else:
            found = [] if fault is Fault.NOTHING_FOUND else self.server.find(query)
            self._answer(parts.path, parameters, found, cut=fault is Fault.CUT)

    def _answer(self, path: str, parameters: dict[str, str], found: list[Document], *, cut: bool) -> None:
        query = parameters.get("q", "")
        token = self.headers["X-Subscription-Token"]
        if path == _BRAVE and token != self.server.key:
            detail = f"The token {token} is invalid."
            error = {"code": "SUBSCRIPTION_TOKEN_INVALID", "status": 422, "detail": detail}
            self._json(422, {"type": "ErrorResponse", "error": error})
        elif path == _BRAVE:
            self._json(200, _brave(query, found[: int(parameters.get("count", 20))]), cut=cut)
        elif path == "/search" and parameters.get("format") == "json" and query:
            self._json(200, _searxng(query, found), cut=cut)
        elif path == "/search":
            self._send(400 if not query else 403, _PAGE, "text/html")
        else:
            self._send(404, _PAGE, "text/html")

    def _never_end(self, fault: Fault) -> None:
        """Keep the client waiting, or busy, until one of both sides ends it."""
        self.close_connection = True
        if fault is Fault.HANGING:
            self._hang()
        else:
            self._pour(*((b" ", 0.05) if fault is Fault.DRIPPING else (b" " * 2**20, 0.0)))

    def _hang(self) -> None:
        self.connection.settimeout(0.05)
        while not self.server.stopping.is_set():
            with contextlib.suppress(TimeoutError):
                if not self.connection.recv(1):
                    self.server.hung_up.set()
                    return

    def _pour(self, part: bytes, pause: float) -> None:
        self.connection.settimeout(5)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        with contextlib.suppress(ConnectionError, TimeoutError):
            while not self.server.stopping.wait(pause):
                self.wfile.write(part)

    def _json(self, status: int, data: dict[str, Any], *, cut: bool = False) -> None:
        self._send(status, json.dumps(data).encode(), "application/json", cut=cut)

    def _send(self, status: int, body: bytes, content_type: str, *, cut: bool = False) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        if status == 429:  # noqa: PLR2004  Too Many Requests
            self.send_header("Retry-After", str(RETRY_AFTER))
        if status == 302:  # noqa: PLR2004  Found
            self.send_header("Location", "/elsewhere")
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if cut else body)
        self.close_connection = cut or self.close_connection

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's name
        """Stay silent: this is no part of the system that logs."""


def _searxng(query: str, found: Sequence[Document]) -> dict[str, Any]:
    results = [
        {
            "url": page.url,
            "title": page.title,
            "content": page.text.partition("\n")[0][:_SNIPPET],
            "publishedDate": page.published,
            "engine": "made up",
            "engines": ["made up"],
            "positions": [place],
            "score": 1 / place,
            "category": "general",
            "template": "default.html",
        }
        for place, page in enumerate(found, 1)
    ]
    nothing: dict[str, Any] = {
        name: [] for name in ("answers", "corrections", "infoboxes", "suggestions", "unresponsive_engines")
    }
    return {"query": query, "number_of_results": len(results), "results": results, **nothing}


def _brave(query: str, found: Sequence[Document]) -> dict[str, Any]:
    results = [
        {
            "type": "search_result",
            "url": page.url,
            "title": f"<strong>{page.title}</strong>",
            "description": page.text.partition("\n")[0][:_SNIPPET],
            "language": "en",
        }
        for page in found
    ]
    web = {"web": {"type": "search", "results": results}} if results else {}
    return {"type": "search", "query": {"original": query}, **web}
