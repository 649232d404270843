"""An endpoint's rate: so many at once, then so many a second, and no other endpoint notices."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.pacing import Rates


def spend(rates: Rates, endpoint: str, times: int, now: float = 0) -> None:
    for _ in range(times):
        rates.spend(endpoint, now)


def test_a_burst_is_a_second_s_worth_and_then_tokens_come_one_by_one() -> None:
    rates = Rates(5)
    assert rates.left("a", 0) == 5
    spend(rates, "a", 5)
    assert (rates.left("a", 0), rates.left("a", 0.21), rates.left("a", 60)) == (0, 1, 5)
    assert rates.empty(0) == ["a"]
    assert rates.seconds_until_next(0) == pytest.approx(0.2)
    assert rates.left("b", 0) == 5


def test_a_slow_rate_lets_one_go() -> None:
    rates = Rates(0.1)
    assert rates.left("a", 0) == 1
    spend(rates, "a", 1)
    assert (rates.left("a", 9), rates.left("a", 10.01)) == (0, 1)


def test_nothing_is_waited_for_when_nobody_has_to_wait() -> None:
    rates = Rates(5)
    spend(rates, "a", 4)
    assert (rates.empty(0), rates.seconds_until_next(0)) == ([], None)


@given(gaps=st.lists(st.floats(0, 1), max_size=100), rate=st.sampled_from([0.5, 3.0, 20.0]))
def test_no_more_go_than_the_rate_and_one_burst(gaps: list[float], rate: float) -> None:
    rates, now, sent = Rates(rate), 0.0, 0
    for gap in gaps:
        now += gap
        for _ in range(rates.left("a", now)):
            rates.spend("a", now)
            sent += 1
    assert sent <= rate * now + max(rate, 1) + 1e-6


def test_endpoints_that_need_no_bucket_are_forgotten() -> None:
    rates = Rates(5)
    spend(rates, "busy", 5)
    for number in range(1000):
        rates.spend(f"e{number}", number * 0.01)
        rates.spend("busy", number * 0.01)
    assert len(rates._buckets) <= 23, "0.2 s fill a bucket again"
    assert "busy" in rates.empty(9.99)
