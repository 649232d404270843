"""Injects the planned faults, a few at a time, and never two on one thing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from chaos.faults import FAULTS
from chaos.plan import Planned
from chaos.records import Fault, now
from chaos.system import SERVICES, System

LANES = 2
GAP_SECONDS = 0.7
LOOKAHEAD = 60


class Nemesis:
    """Works through a plan until it is cancelled."""

    def __init__(self, system: System, plan: Iterator[Planned]) -> None:
        self._system = system
        self._plan = plan
        self._waiting: list[Planned] = []
        self._held: set[str] = set()
        self._freed = asyncio.Event()

    async def run(self, seconds: float) -> None:
        """Inject faults for so long; a fault that has begun is brought to its end."""
        end = asyncio.get_running_loop().time() + seconds
        async with asyncio.TaskGroup() as lanes:
            for number in range(LANES):
                lanes.create_task(self._lane(end, number))

    async def _lane(self, end: float, number: int) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(number * GAP_SECONDS)
        while loop.time() < end:
            planned = self._next(end - loop.time())
            if planned is None:
                await asyncio.sleep(0.1)
                continue
            try:
                await self._inject(planned)
            finally:
                self._held -= _holds(planned)
            await asyncio.sleep(GAP_SECONDS)

    def _next(self, left: float) -> Planned | None:
        """Take the first fault that fits into the time and whose targets are free."""
        while len(self._waiting) < LOOKAHEAD:
            self._waiting.append(next(self._plan))
        for planned in self._waiting:
            if not _holds(planned) & self._held and planned.seconds <= left:
                self._waiting.remove(planned)
                self._held |= _holds(planned)
                return planned
        return None

    async def _inject(self, planned: Planned) -> None:
        started = now()
        note = await FAULTS[planned.kind](self._system, planned)
        self._system.journal.write(
            Fault(at=started, kind=planned.kind, target=planned.target, ended=now(), note=note)
        )


def _holds(planned: Planned) -> set[str]:
    """Return what nobody else may touch meanwhile."""
    return set(SERVICES) if planned.kind == "rolling_restart" else {planned.target}
