"""Our own JetStream pull loop: takes what is there now, never more than there is room for.

nats-py's ``fetch`` and FastStream's batches wait for a batch to fill, so that a lone message is as late as their
timeout; and a ``fetch`` after one that timed out may stall. Here one pull request stays open, and whatever has arrived
is handed over at once.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
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
HEARTBEAT_SECONDS = 5.0
"""How often the server says that it still has the request."""
FIRST_BACKOFF = 0.1
LONGEST_BACKOFF = 5.0
_SLICE_SECONDS = 1.0

Handler = Callable[[list[Msg]], Awaitable[None]]


async def pull(
    js: JetStreamContext,
    stream: str,
    durable: str,
    room: Callable[[], int],
    handle: Handler,
    *,
    wake: asyncio.Event | None = None,
    recover: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Pull messages of a durable consumer and hand them to ``handle``, which acks them; runs until cancelled.

    ``room()`` says how many messages may be taken now; at 0 nothing is asked for until ``wake`` is set (or a second
    has passed). What ``handle`` raises is logged, and its messages come again after a second. When the consumer is
    gone, ``recover`` is awaited and the loop goes on; without ``recover`` ConsumerGone is raised.
    """
    backoff = FIRST_BACKOFF
    while True:
        request = _Request(js._nc, js._prefix, stream, durable)  # noqa: SLF001  nats-py has no public way to either
        try:
            await request.open()
            await _take(request, room, handle, wake)
        except (ConsumerGone, NatsError) as error:
            log.warning("pull_interrupted", stream=stream, consumer=durable, reason=str(error) or repr(error))
            await asyncio.sleep(backoff)
            backoff = min(backoff * 2, LONGEST_BACKOFF)
            if recover is None:
                raise
            backoff = await _recovered(recover, stream, durable, backoff)
        finally:
            await request.close()


async def _recovered(
    recover: Callable[[], Awaitable[None]], stream: str, durable: str, backoff: float
) -> float:
    """Let the caller make the consumer again; return the wait before the next trouble."""
    try:
        await recover()
    except Exception as error:  # noqa: BLE001  the loop tries again until it works
        log.warning("pull_not_recovered", stream=stream, consumer=durable, reason=str(error) or repr(error))
        return backoff
    return FIRST_BACKOFF


async def _take(
    request: _Request, room: Callable[[], int], handle: Handler, wake: asyncio.Event | None
) -> None:
    while True:
        wanted = room()
        if wanted <= 0:
            await _room_again(wake)
            continue
        messages = await request.messages(wanted)
        if not messages:
            continue
        try:
            await handle(messages)
        except Exception:
            log.exception("pull_handler_failed", stream=request.stream, messages=len(messages))
            await _return(messages, delay=1.0)


async def _room_again(wake: asyncio.Event | None) -> None:
    if wake is None:
        await asyncio.sleep(_SLICE_SECONDS)
        return
    try:
        async with asyncio.timeout(_SLICE_SECONDS):
            await wake.wait()
    except TimeoutError:
        return
    wake.clear()


async def _return(messages: list[Msg], delay: float | None = None) -> None:
    """Give messages back for another delivery."""
    for message in messages:
        try:
            await message.nak(delay=delay)
        except NatsError as error:
            log.warning("nak_failed", subject=message.subject, reason=str(error))


class _Request:
    """The one open pull request of a loop, and what has arrived for it."""

    def __init__(self, client: Client, prefix: str, stream: str, durable: str) -> None:
        self.stream = stream
        self._client = client
        self._subject = f"{prefix}.CONSUMER.MSG.NEXT.{stream}.{durable}"
        self._arrived: deque[Msg] = deque()
        self._event = asyncio.Event()
        self._open = 0
        """Messages the server may still send for the open request."""
        self._heard = 0.0
        self._reconnects = 0
        self._error: str | None = None

    async def open(self) -> None:
        self._inbox = self._client.new_inbox()
        self._subscription = await self._client.subscribe(self._inbox, cb=self._on_message)

    async def close(self) -> None:
        """Stop listening, then give back what arrived and was not taken."""
        try:
            await self._subscription.unsubscribe()
            await _return(list(self._arrived))
        except (NatsError, AttributeError) as error:
            log.debug("pull_close", reason=str(error))
        self._arrived.clear()

    async def messages(self, wanted: int) -> list[Msg]:
        """Return what has arrived, at most ``wanted``, waiting up to a second for the first; may be empty."""
        if not self._arrived:
            if self._open <= 0 or self._stale():
                await self._ask(wanted)
            self._event.clear()
            await self._first()
        if self._error is not None:
            error, self._error = self._error, None
            raise ConsumerGone(error)
        count = min(wanted, len(self._arrived))
        return [self._arrived.popleft() for _ in range(count)]

    async def _first(self) -> None:
        if self._arrived or self._error or self._open <= 0:
            return
        try:
            async with asyncio.timeout(_SLICE_SECONDS):
                await self._event.wait()
        except TimeoutError:
            return

    def _stale(self) -> bool:
        """Whether the server can no longer know of the request: it was silent too long, or the link was new."""
        silent = asyncio.get_running_loop().time() - self._heard > 2 * HEARTBEAT_SECONDS + _SLICE_SECONDS
        return silent or self._client.stats["reconnects"] != self._reconnects

    async def _ask(self, wanted: int) -> None:
        body = {
            "batch": wanted,
            "expires": int(EXPIRES_SECONDS * 1e9),
            "idle_heartbeat": int(HEARTBEAT_SECONDS * 1e9),
        }
        self._open = wanted
        self._heard = asyncio.get_running_loop().time()
        self._reconnects = self._client.stats["reconnects"]
        await self._client.publish(self._subject, json.dumps(body).encode(), reply=self._inbox)

    async def _on_message(self, message: Msg) -> None:
        self._heard = asyncio.get_running_loop().time()
        status = (message.headers or {}).get("Status") if not message.data else None
        if status is None or message.reply.startswith("$JS.ACK"):
            self._arrived.append(message)
            self._open -= 1
        elif status == "100":
            return
        else:
            self._ended(status, (message.headers or {}).get("Description", ""))
        self._event.set()

    def _ended(self, status: str, description: str) -> None:
        """Note that the server closed the request: out of time (408) is normal, a deleted consumer is not."""
        self._open = 0
        if status in {"404", "503"} or "Deleted" in description:
            self._error = f"{status} {description or 'no such consumer'}".strip()
