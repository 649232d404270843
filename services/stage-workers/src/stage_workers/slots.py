"""The slots of a worker, and in which order its stages may use them to ask for a message."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from itertools import islice

from contracts.stages import StageId

ASK_SECONDS = 1.0
"""How long the server keeps a stage's request while there are slots enough for all stages to ask."""
SCARCE_ASK_SECONDS = 0.1
"""… and while some stages wait for their turn to ask."""


class Slots:
    """A slot is taken before the server is asked, so that a worker never holds more messages than it can run.

    When there are fewer free slots than stages, the stages take turns.
    """

    def __init__(self, count: int, stages: Iterable[StageId]) -> None:
        self._free = count
        self._waiting: dict[StageId, None] = {}
        """In the order in which they began to wait."""
        self._wakes = {stage: asyncio.Event() for stage in stages}

    def wake(self, stage: StageId) -> asyncio.Event:
        """Return the event that is set when it is the stage's turn."""
        return self._wakes[stage]

    def take(self, stage: StageId) -> int:
        """Take a slot for the stage and return 1, or return 0 and note that it waits."""
        self._waiting.setdefault(stage)
        if stage not in islice(self._waiting, self._free):
            return 0
        del self._waiting[stage]
        self._free -= 1
        return 1

    def give_back(self, count: int = 1) -> None:
        """Free slots, and wake the stages whose turn it is now."""
        self._free += count
        for stage in islice(self._waiting, self._free):
            self._wakes[stage].set()

    def patience(self) -> float:
        """Return for how many seconds a stage may keep the slot that it asks with."""
        return SCARCE_ASK_SECONDS if self._waiting else ASK_SECONDS
