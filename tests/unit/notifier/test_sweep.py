"""How far back the sweep looks."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from notifier.intake import NARROW_SECONDS, WIDE_EVERY_SECONDS, Intake

WEEK = 7 * 24 * 3600.0


class Store:
    """Knows no missed event but those it is given, and notes what was asked."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self.missing: list[Any] = []

    async def missed(self, within_seconds: float, _older_than_seconds: float) -> list[Any]:
        self.asked.append(within_seconds)
        return self.missing


class Unwanted(Intake):
    """Takes nothing."""

    async def take(self, _events: Any) -> int:
        return 0


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def intake(store: Any) -> Intake:
    return Unwanted(store, asyncio.Event(), 0)


async def test_the_first_sweep_and_one_each_hour_look_at_all_jobs_that_are_kept(
    store: Store, intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seconds in (0, 10, WIDE_EVERY_SECONDS - 1, WIDE_EVERY_SECONDS, WIDE_EVERY_SECONDS + 10):
        monkeypatch.setattr(time, "monotonic", lambda seconds=seconds: 5.0 + seconds)
        await intake.sweep(7)
    assert store.asked == [WEEK, NARROW_SECONDS, NARROW_SECONDS, WEEK, NARROW_SECONDS]


async def test_a_wide_sweep_that_found_something_is_followed_by_another(store: Store, intake: Intake) -> None:
    store.missing = ["an event"]
    await intake.sweep(7)
    store.missing = []
    await intake.sweep(7)
    await intake.sweep(7)
    assert store.asked == [WEEK, WEEK, NARROW_SECONDS]


async def test_no_sweep_looks_at_jobs_that_are_not_kept(store: Store, intake: Intake) -> None:
    await intake.sweep(0.01)
    await intake.sweep(0.01)
    assert store.asked == [864.0, 864.0]
