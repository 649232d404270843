"""One open JetStream pull request, and what has arrived for it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import ConnectionClosedError
from nats.errors import Error as NatsError

from chassis import logs
from chassis.errors import ConsumerGone

log = logs.get_logger(__name__)

CLOSE_SECONDS = 1.0
"""How long closing waits for messages that are still on their way, to give them back."""
SLICE_SECONDS = 1.0
"""How often the loop looks at the connection and at the room, whatever happens."""


class Interrupted(Exception):
    """The server ended a pull request before its time, for a reason that may pass."""


class PullRequest:
    """The open pull request of a loop, and what has arrived for it.

    It has an inbox of its own and is thrown away with it: what the server, or the client's buffer while the link is
    down, still holds for an old request then goes nowhere, instead of coming on top of what is asked for next.
    """

    def __init__(
        self, client: Client, subject: str, idle_seconds: float, unused: Callable[[int], None]
    ) -> None:
        self.event = asyncio.Event()
        self.answered = False
        """Whether the server ever answered with anything but a refusal."""
        self._client = client
        self._subject = subject
        self._idle_seconds = idle_seconds
        self._unused = unused
        """Hears of messages that were asked for and will not come, or were given back."""
        self._messages: list[Msg] = []
        self._open = 0
        """Messages the server may still send for the open request."""
        self._heard = 0.0
        self._patience = 0.0
        self._reconnects = client.stats["reconnects"]
        self._refused: Exception | None = None

    async def open(self) -> None:
        """Listen."""
        self._inbox = self._client.new_inbox()
        self._subscription = await self._client.subscribe(self._inbox, cb=self._on_message)

    async def close(self) -> None:
        """Stop listening, and give back what arrived and was not handed over."""
        if not hasattr(self, "_subscription"):
            return
        await self._stop_listening()
        self._unused(self._open + len(self._messages))
        self._open = 0
        await give_back(self._messages)

    async def _stop_listening(self) -> None:
        draining = asyncio.ensure_future(self._subscription.drain())  # type: ignore[no-untyped-call]  # nats-py's
        try:
            await asyncio.wait({draining}, timeout=CLOSE_SECONDS)
        finally:
            draining.cancel()
            await asyncio.gather(draining, return_exceptions=True)
            # A drain that did not get to its end would listen again, for nobody, when the link is made again.
            self._subscription._stop_processing()  # noqa: SLF001  nats-py has no public way for a half closed one
            self._client._remove_sub(self._subscription._id)  # noqa: SLF001  as above

    def stale(self) -> bool:
        """Whether the server may no longer know of the request: the link is new, or it was silent for too long.

        Raises ConnectionClosedError once there will be no link any more.
        """
        if self._client.is_closed:
            raise ConnectionClosedError
        silent = self._now() - self._heard > self._patience
        return self._client.stats["reconnects"] != self._reconnects or (self._open > 0 and silent)

    def arrived(self) -> list[Msg]:
        """Return what has arrived since. Raises ConsumerGone and Interrupted when the server refused."""
        self.event.clear()
        messages, self._messages = self._messages, []
        if not messages and self._refused is not None:
            raise self._refused
        return messages

    def askable(self) -> bool:
        """Whether the server can be asked for messages: it is there, and not asked already."""
        return self._open == 0 and self._client.is_connected

    async def ask(self, wanted: int, expires: float) -> None:
        """Ask the server for messages, for so many seconds."""
        body = {"batch": wanted, "expires": int(expires * 1e9)}
        self._patience = expires + SLICE_SECONDS
        if 2 * self._idle_seconds <= expires:
            body["idle_heartbeat"] = int(self._idle_seconds * 1e9)
            self._patience = 2 * self._idle_seconds + SLICE_SECONDS
        self._open = wanted
        self._heard = self._now()
        await self._client.publish(self._subject, json.dumps(body).encode(), reply=self._inbox)

    async def _on_message(self, message: Msg) -> None:
        self._heard = self._now()
        headers = message.headers or {}
        status = None if message.reply.startswith("$JS.ACK") else headers.get("Status")
        if status is None:
            self._messages.append(message)
            self._open -= 1
        elif status != "100":
            self._ended(status, headers.get("Description", ""))
        if status in {None, "100", "408"}:
            self.answered = True
        if status != "100":
            self.event.set()

    def _ended(self, status: str, description: str) -> None:
        """Note that the server ended the request: out of time (408) is normal, a deleted consumer is not."""
        self._unused(self._open)
        self._open = 0
        if status in {"404", "503"} or "Deleted" in description:
            self._refused = ConsumerGone(f"{status} {description or 'no such consumer'}")
        elif status != "408":
            self._refused = Interrupted(f"{status} {description}")

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


async def give_back(messages: list[Msg], delay: float | None = None) -> None:
    """Return messages that were not acked for another delivery."""
    for message in messages:
        if message.is_acked:
            continue
        try:
            await message.nak(delay=delay)
        except NatsError as error:
            log.warning("nak_failed", subject=message.subject, reason=str(error))
