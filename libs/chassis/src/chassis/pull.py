"""Our own JetStream pull loop: takes what is there now, never asks for more than there is room for.

nats-py's ``fetch`` and FastStream's batches wait for a batch to fill, so that a lone message is as late as their
timeout; and a ``fetch`` after one that timed out may stall. Here one pull request stays open, and whatever has arrived
is handed over at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js import JetStreamContext

from chassis import logs
from chassis.errors import ConsumerGone
from chassis.pull_request import SLICE_SECONDS, Interrupted, PullRequest, give_back

log = logs.get_logger(__name__)

EXPIRES_SECONDS = 30.0
"""How long a pull request stays open at the server, unless the caller says otherwise."""
RETRY_SECONDS = 1.0
"""When the messages of a handler that failed come again."""
FIRST_BACKOFF = 0.1
LONGEST_BACKOFF = 5.0

Handler = Callable[[list[Msg]], Awaitable[None]]
Recover = Callable[[], Awaitable[None]]


async def pull(
    js: JetStreamContext,
    stream: str,
    durable: str,
    room: Callable[[], int],
    handle: Handler,
    *,
    wake: asyncio.Event | None = None,
    unused: Callable[[int], None] = lambda _count: None,
    expires: Callable[[], float] = lambda: EXPIRES_SECONDS,
    idle_seconds: float = 5.0,
    recover: Recover | None = None,
) -> None:
    """Pull messages of a durable consumer and hand them to ``handle``, which acks them; runs until cancelled.

    ``room()`` says how many messages may be asked for now, and is called right before the server is asked; at 0
    nothing is asked for until ``wake`` is set (or a second has passed). ``unused`` hears how many of those will not
    come, so that several loops can share one room; ``expires`` says how long the server keeps the next request.
    What was asked for is handed over as soon as it arrives, even if the room has gone meanwhile: in a buffer here
    nobody would keep it alive. The next request waits for ``handle`` to return. What ``handle`` raises is logged, and
    its messages come again after a second; when it is cancelled, at once.
    The server confirms every ``idle_seconds`` that it still holds the request.
    When the consumer is gone, ``recover`` is awaited and the loop goes on; without ``recover`` ConsumerGone is
    raised. Raises what NATS raises once the connection is closed for good.
    """
    client = js._nc  # noqa: SLF001  nats-py has no public way to it
    subject = f"{js._prefix}.CONSUMER.MSG.NEXT.{stream}.{durable}"  # noqa: SLF001  as above
    backoff = FIRST_BACKOFF
    while True:
        request = PullRequest(client, subject, idle_seconds, unused)
        try:
            try:
                await request.open()
                await _take(request, room, expires, handle, wake)
            finally:
                await request.close()
        except (Interrupted, ConsumerGone, NatsError) as error:
            log.warning("pull_interrupted", stream=stream, consumer=durable, reason=str(error) or repr(error))
            gone = isinstance(error, ConsumerGone)
            if client.is_closed or (gone and recover is None):
                raise
            backoff = FIRST_BACKOFF if request.answered else min(backoff * 2, LONGEST_BACKOFF)
            await asyncio.sleep(backoff)
            if gone and recover is not None:
                await _recovered(recover, stream, durable)


async def _recovered(recover: Recover, stream: str, durable: str) -> None:
    """Let the caller make the consumer again; if it cannot, the loop finds it gone again, and waits longer."""
    try:
        await recover()
    except Exception as error:  # noqa: BLE001  the loop tries again until it works
        log.warning("pull_not_recovered", stream=stream, consumer=durable, reason=str(error) or repr(error))


async def _take(
    request: PullRequest,
    room: Callable[[], int],
    expires: Callable[[], float],
    handle: Handler,
    wake: asyncio.Event | None,
) -> None:
    """Hand over what arrives, until the request's inbox has to be replaced."""
    while not request.stale():
        messages = request.arrived()
        if messages:
            await _hand_over(handle, messages)
            continue
        wanted = room() if request.askable() else None
        if wanted:
            await request.ask(wanted, expires())
        if wanted == 0 and wake is not None:
            await _first(request.event, wake)
            wake.clear()
        else:
            await _first(request.event)


async def _first(*events: asyncio.Event) -> None:
    """Wait until one of the events is set, or a second has passed."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, timeout=SLICE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


async def _hand_over(handle: Handler, messages: list[Msg]) -> None:
    try:
        await handle(messages)
        if (task := asyncio.current_task()) and task.cancelling():  # swallowed, as Python 3.11's wait_for may
            raise asyncio.CancelledError  # noqa: TRY301  its messages are given back below
    except asyncio.CancelledError:
        await give_back(messages)
        raise
    except Exception:
        log.exception("pull_handler_failed", subject=messages[0].subject, messages=len(messages))
        await give_back(messages, delay=RETRY_SECONDS)
