"""Questions to the notifier, over NATS."""

from __future__ import annotations

from typing import TypeVar

from nats.aio.client import Client
from nats.errors import Error as NatsError

from contracts import codec
from gateway.errors import Refusal

T = TypeVar("T")

ANSWER_SECONDS = 5.0


class Notifier:
    """Whoever delivers webhooks. Raises Refusal (503) when nobody answers."""

    def __init__(self) -> None:
        self._client: Client | None = None

    def attach(self, client: Client) -> None:
        """Begin to ask: NATS answers."""
        self._client = client

    async def ask(self, subject: str, question: object, kind: type[T], seconds: float = ANSWER_SECONDS) -> T:
        """Return the answer to a question."""
        try:
            if self._client is None or not self._client.is_connected:
                raise _unheard("NATS is not connected")
            message = await self._client.request(subject, codec.encode(question), timeout=seconds)
        except NatsError as error:
            raise _unheard("no notifier answers") from error
        return codec.decode(message.data, kind)


def _unheard(why: str) -> Refusal:
    return Refusal(503, "notifier_unavailable", f"{why}; try again in a moment")
