"""Our own JetStream pull loop: takes what is there now, never asks for more than there is room for.

nats-py's ``fetch`` and FastStream's batches wait for a batch to fill, so that a lone message is as late as their
timeout; and a ``fetch`` after one that timed out may stall. Here one pull request stays open, and whatever has arrived
is handed over at once.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js import JetStreamContext

from chassis import logs
from chassis.errors import ConsumerGone

log = logs.get_logger(__name__)

EXPIRES_SECONDS = 30.0
"""How long a pull request stays open at the server."""
RETRY_SECONDS = 1.0
"""When the messages of a handler that failed come again."""
CLOSE_SECONDS = 1.0
"""How long the end of a loop waits for messages that are still on their way, to give them back."""
FIRST_BACKOFF = 0.1
LONGEST_BACKOFF = 5.0
_SLICE_SECONDS = 1.0
"""How often the loop looks at the connection and at the room, whatever happens."""

Handler = Callable[[list[Msg]], Awaitable[None]]
Recover = Callable[[], Awaitable[None]]


class _Interrupted(Exception):
    """The server ended a pull request before its time, for a reason that may pass."""


async def pull(
    js: JetStreamContext,
    stream: str,
    durable: str,
    room: Callable[[], int],
    handle: Handler,
    *,
    wake: asyncio.Event | None = None,
    idle_seconds: float = 5.0,
    recover: Recover | None = None,
) -> None:
    """Pull messages of a durable consumer and hand them to ``handle``, which acks them; runs until cancelled.

    ``room()`` says how many messages may be asked for now; at 0 nothing is asked for until ``wake`` is set (or a
    second has passed). What was asked for is handed over as soon as it arrives, even if the room has gone meanwhile:
    in a buffer here nobody would keep it alive. The next request waits for ``handle`` to return. What ``handle``
    raises is logged, and its messages come again after a second; when it is cancelled, at once.
    The server confirms every ``idle_seconds`` that it still holds the request.
    When the consumer is gone, ``recover`` is awaited and the loop goes on; without ``recover`` ConsumerGone is
    raised. Raises what NATS raises once the connection is closed for good.
    """
    client = js._nc  # noqa: SLF001  nats-py has no public way to it
    subject = f"{js._prefix}.CONSUMER.MSG.NEXT.{stream}.{durable}"  # noqa: SLF001  as above
    backoff = FIRST_BACKOFF
    while True:
        request = _Request(client, subject, idle_seconds)
        try:
            await request.open()
            await _take(request, room, handle, wake)
        except (_Interrupted, ConsumerGone, NatsError) as error:
            log.warning("pull_interrupted", stream=stream, consumer=durable, reason=str(error) or repr(error))
            gone = isinstance(error, ConsumerGone)
            if client.is_closed or (gone and recover is None):
                raise
            backoff = FIRST_BACKOFF if request.answered else min(backoff * 2, LONGEST_BACKOFF)
            await asyncio.sleep(backoff)
            if gone and recover is not None:
                await _recovered(recover, stream, durable)
        finally:
            await request.close()


async def _recovered(recover: Recover, stream: str, durable: str) -> None:
    """Let the caller make the consumer again; if it cannot, the loop finds it gone again, and waits longer."""
    try:
        await recover()
    except Exception as error:  # noqa: BLE001  the loop tries again until it works
        log.warning("pull_not_recovered", stream=stream, consumer=durable, reason=str(error) or repr(error))


async def _take(
    request: _Request, room: Callable[[], int], handle: Handler, wake: asyncio.Event | None
) -> None:
    """Hand over what arrives, until the request's inbox has to be replaced."""
    while not request.stale():
        messages = request.arrived()
        if messages:
            await _hand_over(handle, messages)
            continue
        wanted = room()
        if wanted > 0:
            await request.keep_open(wanted)
            await _first(request.event)
        elif wake is None:
            await _first(request.event)
        else:
            await _first(request.event, wake)
            wake.clear()


async def _first(*events: asyncio.Event) -> None:
    """Wait until one of the events is set, or a second has passed."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, timeout=_SLICE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


async def _hand_over(handle: Handler, messages: list[Msg]) -> None:
    try:
        await handle(messages)
    except asyncio.CancelledError:
        await _give_back(messages)
        raise
    except Exception:
        log.exception("pull_handler_failed", subject=messages[0].subject, messages=len(messages))
        await _give_back(messages, delay=RETRY_SECONDS)


async def _give_back(messages: list[Msg], delay: float | None = None) -> None:
    """Return messages that were not acked for another delivery."""
    for message in messages:
        if message.is_acked:
            continue
        try:
            await message.nak(delay=delay)
        except NatsError as error:
            log.warning("nak_failed", subject=message.subject, reason=str(error))


class _Request:
    """The open pull request of a loop, and what has arrived for it.

    It has an inbox of its own and is thrown away with it: what the server, or the client's buffer while the link is
    down, still holds for an old request then goes nowhere, instead of coming on top of what is asked for next.
    """

    def __init__(self, client: Client, subject: str, idle_seconds: float) -> None:
        self.event = asyncio.Event()
        self.answered = False
        """Whether the server ever answered with anything but a refusal."""
        self._client = client
        self._subject = subject
        self._idle_seconds = idle_seconds
        self._messages: list[Msg] = []
        self._open = 0
        """Messages the server may still send for the open request."""
        self._heard = 0.0
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
        draining = asyncio.ensure_future(self._subscription.drain())  # type: ignore[no-untyped-call]  # nats-py's
        await asyncio.wait({draining}, timeout=CLOSE_SECONDS)
        if not draining.done():
            draining.cancel()
        await asyncio.gather(draining, return_exceptions=True)
        await _give_back(self._messages)

    def stale(self) -> bool:
        """Whether the server may no longer know of the request: the link is new, or it was silent for too long."""
        silent = self._now() - self._heard > 2 * self._idle_seconds + _SLICE_SECONDS
        return self._client.stats["reconnects"] != self._reconnects or (self._open > 0 and silent)

    def arrived(self) -> list[Msg]:
        """Return what has arrived since. Raises ConsumerGone and _Interrupted when the server refused."""
        self.event.clear()
        messages, self._messages = self._messages, []
        if not messages and self._refused is not None:
            raise self._refused
        return messages

    async def keep_open(self, wanted: int) -> None:
        """Ask the server for messages, unless it is asked already or not there."""
        if self._open > 0 or not self._client.is_connected:
            return
        body = {
            "batch": wanted,
            "expires": int(EXPIRES_SECONDS * 1e9),
            "idle_heartbeat": int(min(self._idle_seconds, EXPIRES_SECONDS / 2) * 1e9),
        }
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
        self._open = 0
        if status in {"404", "503"} or "Deleted" in description:
            self._refused = ConsumerGone(f"{status} {description or 'no such consumer'}")
        elif status != "408":
            self._refused = _Interrupted(f"{status} {description}")

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
