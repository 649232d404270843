"""The fake provider's HTTP server."""

from __future__ import annotations

import json
import re
import select
import socket
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock
from types import ModuleType
from typing import Any, NamedTuple

from blog_writer.fake_model import gemini_wire, openai_wire
from blog_writer.fake_model.exchange import Answered, Asked, Call, Fault, Refused
from blog_writer.fake_model.gullible import obeying
from blog_writer.fake_model.writing import answer

MODELS = ("fake-writer", "fake-painter")
RETRY_AFTER = 7
SLOW_SECONDS = 0.3
_GEMINI = re.compile(r"/v1beta/models/([\w.-]+):(generateContent|predict)")
_ANSWERED = {Fault.PROSE, Fault.TRUNCATED, Fault.EMPTY, Fault.BLOCKED}


class Seen(NamedTuple):
    """A request that came, for tests to look at."""

    path: str
    body: dict[str, Any]


class FakeModel(ThreadingHTTPServer):
    """One provider. ``faults`` are taken one for each request, in order; None is none."""

    daemon_threads = True

    def __init__(self, port: int, key: str, *, flawed_first: bool) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.key = key
        self.flawed_first = flawed_first
        self.endless_tools = False
        self.gullible = False
        self.faults: deque[Fault | None] = deque()
        self.seen: list[Seen] = []
        self.hung_up = Event()
        """Set when a client ended a call that hung."""
        self.stopping = Event()
        self._lock = Lock()

    def take(self, seen: Seen) -> Fault | None:
        """Record a request and return its fault."""
        with self._lock:
            self.seen.append(seen)
            return self.faults.popleft() if self.faults else None

    def answer(self, asked: Asked) -> Answered:
        """Return the model's turn, without faults."""
        if self.endless_tools and asked.tools:
            return Answered(
                calls=(Call("web_search", {"query": f"one more, number {len(asked.calls) + 1}"}),)
            )
        said = answer(asked, flawed_first=self.flawed_first)
        return obeying(asked, said) if self.gullible else said


class _Handler(BaseHTTPRequestHandler):
    server: FakeModel

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        fault = self.server.take(Seen(self.path, body))
        found = _GEMINI.fullmatch(self.path.partition("?")[0])
        if found:
            self._serve(gemini_wire, found[1], body, fault, draws=found[2] == "predict")
        elif self.path == "/v1/chat/completions":
            self._serve(openai_wire, body["model"], body, fault, draws=False)
        else:
            self._send(404, {"error": {"code": 404, "message": "there is no such page"}})

    def _serve(
        self, wire: ModuleType, model: str, body: dict[str, Any], fault: Fault | None, *, draws: bool
    ) -> None:
        try:
            self._check(wire, model, fault)
            payload = self._drawn(body, fault) if draws else self._completed(wire, model, body, fault)
        except Refused as refusal:
            data = wire.refused(refusal.status, refusal.reason)
            status = data["error"].get("code") if wire is gemini_wire else refusal.status
            self._send(status, data)
        else:
            self._deliver(payload, fault)

    def _check(self, wire: ModuleType, model: str, fault: Fault | None) -> None:
        """Raise Refused for what is answered with an error."""
        key = wire.key_of({name.lower(): value for name, value in self.headers.items()})
        if key != self.server.key:
            raise Refused(401, f"Incorrect API key provided: {key}")
        if model not in MODELS:
            raise Refused(404, f"models/{model} is not found")
        if fault is Fault.RATE_LIMITED:
            raise Refused(429, "Resource has been exhausted (e.g. check quota).")
        if fault is Fault.OVERLOADED:
            raise Refused(503, "The model is overloaded. Please try again later.")
        if fault is Fault.SERVER_ERROR:
            raise Refused(500, "An internal error has occurred.")

    def _completed(
        self, wire: ModuleType, model: str, body: dict[str, Any], fault: Fault | None
    ) -> dict[str, Any]:
        asked: Asked = wire.read(body)
        if fault is Fault.BLOCKED:
            blocked: dict[str, Any] = wire.blocked()
            return blocked
        said = self.server.answer(asked)
        if fault in _ANSWERED:
            said = _spoilt(said, fault)
        written: dict[str, Any] = wire.written(said, asked, model)
        return written

    def _drawn(self, body: dict[str, Any], fault: Fault | None) -> dict[str, Any]:
        return {"predictions": []} if fault is Fault.BLOCKED else gemini_wire.picture(body)

    def _deliver(self, payload: dict[str, Any], fault: Fault | None) -> None:
        if fault is Fault.HANGING:
            self._hang()
            return
        if fault is Fault.DRIPPING:
            self._drip()
            return
        if fault is Fault.SLOW:
            self.server.stopping.wait(SLOW_SECONDS)
        data = b"{ this is no JSON" if fault is Fault.GARBLED else json.dumps(payload).encode()
        self._head(200, len(data))
        self.wfile.write(data[: len(data) // 2] if fault is Fault.CUT else data)

    def _hang(self) -> None:
        """Say nothing until the client ends the call, or the server stops."""
        while not self.server.stopping.is_set():
            readable, _, _ = select.select([self.connection], [], [], 0.05)
            if readable and not self.connection.recv(1, socket.MSG_PEEK):
                self.server.hung_up.set()
                return

    def _drip(self) -> None:
        """Send an endless answer, a byte now and then, so that no single wait is long."""
        self._head(200, 1_000_000)
        try:
            while not self.server.stopping.wait(0.05):
                self.wfile.write(b" ")
        except OSError:
            self.server.hung_up.set()

    def _send(self, status: int, payload: dict[str, Any]) -> None:
        data = json.dumps(payload).encode()
        self._head(status, len(data))
        self.wfile.write(data)

    def _head(self, status: int, length: int) -> None:
        self.send_response(status)
        if status == 429:  # noqa: PLR2004  Too Many Requests
            self.send_header("Retry-After", str(RETRY_AFTER))
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Stay silent: the fake is no part of the system that logs."""


def _spoilt(said: Answered, fault: Fault | None) -> Answered:
    if fault is Fault.PROSE:
        return Answered("Certainly! I would be glad to write that for you. First of all, it depends.")
    if fault is Fault.TRUNCATED:
        return Answered(said.text[: len(said.text) // 2], cut=True)
    return Answered()
