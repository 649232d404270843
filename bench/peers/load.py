"""The load that every system gets, and the figures that come of it. Standard library only: peers have no other.

Workflows are kept in flight in a closed loop: whenever one ends, the next is started, so that the rate is what the
system sustains and no queue grows beyond the concurrency.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import NamedTuple

from bench.peers.processor import seconds_used

STEPS = 13
WARM_UP = 5
"""Lone workflows that are run and not counted: connections, plans and caches come up."""


class Plan(NamedTuple):
    """How much load."""

    workflows: int
    concurrent: int
    lone: int

    @classmethod
    def from_environment(cls) -> Plan:
        """Return what the driver asks for."""
        return cls(*(int(os.environ[f"PEERS_{name.upper()}"]) for name in cls._fields))


Workflow = Callable[[], Awaitable[None]]
"""Starts one workflow and returns when it has ended."""


async def measure(workflow: Workflow) -> None:
    """Run the planned load and print the figures as one line of JSON."""
    plan = Plan.from_environment()
    for _ in range(WARM_UP):
        await workflow()
    lone = [await _timed(workflow) for _ in range(plan.lone)]
    used = seconds_used(os.getppid())
    seconds = await _timed(lambda: _sustained(workflow, plan))
    used = seconds_used(os.getppid()) - used
    figures = {
        "steps_per_second": STEPS * plan.workflows / seconds,
        "processor_ms_per_step": 1000 * used / (STEPS * plan.workflows),
        "lone_p50_ms": 1000 * percentile(lone, 50),
        "lone_p99_ms": 1000 * percentile(lone, 99),
    }
    print(json.dumps(figures), flush=True)


async def _timed(workflow: Workflow) -> float:
    started = time.perf_counter()
    await workflow()
    return time.perf_counter() - started


async def _sustained(workflow: Workflow, plan: Plan) -> None:
    numbers = iter(range(plan.workflows))
    await asyncio.gather(*(_one_after_another(workflow, numbers) for _ in range(plan.concurrent)))


async def _one_after_another(workflow: Workflow, numbers: Iterator[int]) -> None:
    for _ in numbers:
        await workflow()


def percentile(values: list[float], percent: float) -> float:
    """Return the nearest-rank percentile."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)]
