"""How long the event loop keeps its tasks waiting: a loop that is blocked or spins shows here first."""

from __future__ import annotations

import asyncio
from collections import deque

from prometheus_client import Counter, Gauge

from chassis import logs

log = logs.get_logger(__name__)

TICK_SECONDS = 0.25
WINDOW = 40
"""Ticks that the gauge looks back on: 10 s."""
BLOCKED_SECONDS = 1.0
"""Lateness that is worth a line in the log: heartbeats and health checks wait as long."""

LAG = Gauge(
    "process_event_loop_lag_seconds", "The longest that a ready task had to wait during the last 10 seconds"
)
BLOCKED = Counter("process_event_loop_blocked", "Times that ready tasks had to wait for over a second")


async def watch_loop(tick_seconds: float = TICK_SECONDS) -> None:
    """Measure until cancelled: sleep, and see by how much the wake-up was late."""
    loop = asyncio.get_running_loop()
    recent: deque[float] = deque([0.0], maxlen=WINDOW)
    while True:
        due = loop.time() + tick_seconds
        await asyncio.sleep(tick_seconds)
        late = max(0.0, loop.time() - due)
        recent.append(late)
        LAG.set(max(recent))
        if late > BLOCKED_SECONDS:
            BLOCKED.inc()
            log.warning("event_loop_blocked", seconds=round(late, 3))
