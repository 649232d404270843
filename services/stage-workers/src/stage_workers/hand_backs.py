"""Commands that workers handed back, as when they are stopped: deliveries that nobody died of.

The stream counts deliveries and cannot tell the one from the other. Should a note be lost, a delivery counts that should
not.
"""

from __future__ import annotations

import asyncio

from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from chassis import logs
from contracts import streams
from stage_workers.checkpoints import Bucket

log = logs.get_logger(__name__)

NOTE_SECONDS = 2.0
"""How long a note may take of a stopping worker's time."""


class HandBacks:
    """Notes in the workers' bucket, by message."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    async def note(self, message: Msg) -> None:
        """Note that this delivery is handed back in good health. Best effort."""
        try:
            async with asyncio.timeout(NOTE_SECONDS):
                number = await self._noted(message) + 1
                await self._bucket.put(_name(message), str(number).encode())
        except (NatsError, OSError) as error:
            log.warning("hand_back_not_noted", subject=message.subject, reason=str(error) or repr(error))

    async def lost(self, message: Msg) -> int:
        """Return how many workers took the message before and were never heard of again."""
        deliveries = message.metadata.num_delivered
        if deliveries <= streams.STAGE_MAX_DELIVERIES:
            return deliveries - 1  # it matters only beyond that many, and reading costs a round trip
        try:
            return max(0, deliveries - 1 - await self._noted(message))
        except NatsError as error:
            log.warning("hand_backs_unread", subject=message.subject, reason=str(error) or repr(error))
            return deliveries - 1

    async def _noted(self, message: Msg) -> int:
        value = await self._bucket.get(_name(message))
        return int(value) if value else 0


def _name(message: Msg) -> str:
    """Return what is the same for all deliveries of one message, also when its stream was made anew."""
    metadata = message.metadata
    return f"handed_back.{metadata.sequence.stream}.{int(metadata.timestamp.timestamp() * 1e6)}"
