"""The ladder is Standard Webhooks' own, jitter stays within its bounds, Retry-After is honoured within reason."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.schedule import HOUR, LADDER, LONGEST_RETRY_AFTER, delay, retry_after

NOW = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)
SPREADS = st.floats(min_value=0, max_value=1, exclude_max=True)


def test_the_ladder_has_ten_steps_over_three_days() -> None:
    assert LADDER[:4] == (0, 5, 300, 1800)
    assert len(LADDER) == 10
    assert sum(LADDER) == pytest.approx(75.6 * HOUR, rel=0.01)


@given(attempts=st.integers(0, 9), spread=SPREADS)
def test_a_delay_is_its_step_give_or_take_a_fifth(attempts: int, spread: float) -> None:
    wait = delay(LADDER, attempts, spread)
    assert wait is not None
    assert LADDER[attempts] * 0.8 <= wait <= LADDER[attempts] * 1.2


@given(attempts=st.integers(10, 1000), spread=SPREADS)
def test_after_the_last_step_there_is_no_other(attempts: int, spread: float) -> None:
    assert delay(LADDER, attempts, spread) is None


def test_the_spread_is_used_to_both_ends() -> None:
    assert delay((0, 100), 1, 0.0) == pytest.approx(80)
    assert delay((0, 100), 1, 0.5) == pytest.approx(100)
    assert delay((0, 100), 1, 0.999999) == pytest.approx(120, rel=1e-4)


@given(seconds=st.integers(0, 10**9))
def test_retry_after_in_seconds_counts_up_to_a_day(seconds: int) -> None:
    assert retry_after(str(seconds), NOW) == min(seconds, LONGEST_RETRY_AFTER)


@given(seconds=st.integers(-(10**6), 10**6))
def test_retry_after_as_a_date_counts_from_now_and_never_backwards(seconds: int) -> None:
    header = format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)
    assert retry_after(header, NOW) == min(max(seconds, 0), LONGEST_RETRY_AFTER)


@given(header=st.none() | st.text())
def test_no_header_can_break_the_schedule(header: str | None) -> None:
    assert 0 <= retry_after(header, NOW) <= LONGEST_RETRY_AFTER


@pytest.mark.parametrize("header", [None, "", "soon", "-5", "1.5", "²", "Sat, 99 Mar 2025 12:00:00 GMT"])
def test_a_header_that_says_nothing_asks_for_nothing(header: str | None) -> None:
    assert retry_after(header, NOW) == 0
