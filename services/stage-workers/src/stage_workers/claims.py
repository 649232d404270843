"""A command that this worker holds: kept alive while it is worked on, then acked or handed back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeout

from chassis import logs

log = logs.get_logger(__name__)

ACK_TRIES = 3
ACK_SECONDS = 2.0
RETRY_SECONDS = 5.0
"""When a message comes again whose handling failed through a fault of ours."""


class Claim:
    """The command's message; the newest one when the stream delivers it again meanwhile, as after an outage."""

    def __init__(self, message: Msg, ack_wait: float = float("inf")) -> None:
        self.renew(message)
        self._ack_wait = ack_wait

    @property
    def message_id(self) -> tuple[int, datetime]:
        """What all deliveries of one message have in common; a command that is sent anew has another."""
        metadata = self.message.metadata
        return metadata.sequence.stream, metadata.timestamp

    def renew(self, message: Msg) -> None:
        """Answer for a newer delivery from now on."""
        self.message = message
        """The delivery that is answered for."""
        self._beaten = time.monotonic()

    def held(self) -> bool:
        """Whether the command is still this worker's. A process that stood still for an ack wait has lost it."""
        return time.monotonic() - self._beaten < self._ack_wait

    @asynccontextmanager
    async def kept_alive(self) -> AsyncIterator[None]:
        """Tell the stream three times in each ack wait that the command is worked on."""
        heart = asyncio.create_task(self._beat(self._ack_wait / 3))
        try:
            yield
        finally:
            heart.cancel()

    async def _beat(self, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            if self.held():  # the stream has given it to another, and a late word must not bring it back
                self._beaten = time.monotonic()
                await _quietly(self.message.in_progress())

    async def ack(self) -> None:
        """Ack, and make sure that the stream knows: an ack that is lost would have paid work done again."""
        for _ in range(ACK_TRIES):
            try:
                await self.message.ack_sync(timeout=ACK_SECONDS)
            except NatsTimeout:
                continue
            except NatsError as error:
                log.warning("ack_failed", reason=str(error) or repr(error))
            return
        log.warning("ack_unconfirmed", subject=self.message.subject)

    async def hand_back(self, *, finished: bool) -> None:
        """Give an unfinished command to another worker at once; ack a finished one without waiting."""
        await _quietly(self.message.ack() if finished else self.message.nak())

    async def reject(self) -> None:
        """Have a command that nobody can run never delivered again."""
        await _quietly(self.message.term())

    async def hand_back_later(self) -> None:
        """Have the command delivered again after a while."""
        await _quietly(self.message.nak(delay=RETRY_SECONDS))


async def _quietly(action: Coroutine[Any, Any, None]) -> None:
    """Do something for a message that the next delivery would make good if it fails."""
    try:
        await action
    except (NatsError, OSError) as error:
        log.warning("ack_failed", reason=str(error) or repr(error))
