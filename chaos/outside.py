"""What lies outside of the system: who is paid by the stages, and who gets the webhooks."""

from __future__ import annotations

import asyncio
import enum
import json
import random

from standardwebhooks import Webhook, WebhookVerificationError

from chaos.records import Call, Journal, Receipt, Touched, now
from chaos.web import Request, WebServer

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105  made up
CALL_SECONDS = (0.05, 0.5)
SLOW_SECONDS = (0.3, 1.2)
HANG_SECONDS = 20.0


class Provider:
    """Takes paid calls and writes each down before it answers."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.held: dict[str, asyncio.Event] = {}
        """Stages whose calls get no answer before the event is set."""
        self.server = WebServer(self._call)

    async def _call(self, request: Request) -> tuple[int, bytes] | None:
        facts = json.loads(request.body)
        self._journal.write(Call(at=now(), **facts))
        await asyncio.sleep(random.uniform(*CALL_SECONDS))
        if (released := self.held.get(facts["stage"])) is not None:
            await released.wait()
        return 200, b'"worth its money"'


class Canary:
    """Listens where nobody may be led to, and writes down who comes all the same."""

    def __init__(self, address: str, journal: Journal) -> None:
        self.address = address
        self.port = 0
        self._journal = journal
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._connected, self.address, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        """Stop."""
        if self._server is not None:
            self._server.close()

    async def _connected(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._journal.write(Touched(at=now(), canary=f"{self.address}:{self.port}"))
        writer.close()


class Mood(enum.StrEnum):
    """How a sink behaves."""

    HEALTHY = "healthy"
    SLOW = "slow"
    HANG = "hang"
    ERROR = "error"
    RESET = "reset"


class Sink:
    """A receiver of webhooks."""

    def __init__(self, name: str, journal: Journal, mood: Mood = Mood.HEALTHY) -> None:
        self.name = name
        self.mood = mood
        self._journal = journal
        self._webhook = Webhook(SECRET)
        self.server = WebServer(self._post)

    async def _post(self, request: Request) -> tuple[int, bytes] | None:
        problem = self._problem(request)
        mood = self.mood
        if mood is Mood.SLOW:
            await asyncio.sleep(random.uniform(*SLOW_SECONDS))
        answered = {Mood.HANG: 0, Mood.RESET: 0, Mood.ERROR: 500}.get(mood, 401 if problem else 204)
        self._note(request, problem, answered)
        if mood is Mood.HANG:
            await asyncio.sleep(HANG_SECONDS)
        return (answered, b"") if answered else None

    def _problem(self, request: Request) -> str:
        try:
            self._webhook.verify(request.body, request.headers)
        except (WebhookVerificationError, ValueError) as error:
            return str(error) or type(error).__name__
        return ""

    def _note(self, request: Request, problem: str, status: int) -> None:
        body = json.loads(request.body)
        self._journal.write(
            Receipt(
                at=now(),
                sink=self.name,
                job_id=body["job_id"],
                seq=body["seq"],
                message_id=request.headers.get("webhook-id", ""),
                timestamp=int(request.headers.get("webhook-timestamp", "0")),
                problem=problem,
                status=status,
            )
        )
