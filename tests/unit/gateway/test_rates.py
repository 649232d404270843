"""How often a tenant may ask."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.rates import WINDOW_SECONDS, Rates, rate_headers, take

limits = st.integers(1, 500)
pauses = st.lists(st.floats(0, 30), min_size=1, max_size=200)


def admitted(pauses: list[float], per_minute: int) -> list[float]:
    """Return the times at which requests with these pauses between them are let in."""
    now, full_at, times = 1000.0, 0.0, []
    for pause in pauses:
        now += pause
        verdict = take(full_at, now, per_minute)
        full_at = verdict.full_at
        times += [now] if verdict.allowed else []
    return times


@given(pauses, limits)
def test_no_stretch_of_time_has_more_than_the_burst_and_what_came_back_meanwhile(
    pauses: list[float], per_minute: int
) -> None:
    times = admitted(pauses, per_minute)
    for first, start in enumerate(times):
        for last in range(first, len(times)):
            back = (times[last] - start) * per_minute / WINDOW_SECONDS
            assert last - first + 1 <= per_minute + back + 1e-3


@given(limits, st.floats(0, 1e6))
def test_a_full_bucket_lets_a_minute_s_requests_in_at_once_and_no_more(per_minute: int, now: float) -> None:
    full_at, remaining = 0.0, []
    for _ in range(per_minute):
        verdict = take(full_at, now, per_minute)
        assert verdict.allowed
        full_at = verdict.full_at
        remaining.append(verdict.remaining)
    assert remaining == list(range(per_minute - 1, -1, -1))
    refused = take(full_at, now, per_minute)
    assert not refused.allowed
    assert refused.full_at == full_at, "a refused request takes nothing"


@given(limits, st.integers(0, 600), st.floats(0, 1e6))
def test_who_waits_as_long_as_it_was_told_is_let_in(per_minute: int, asked: int, now: float) -> None:
    full_at = 0.0
    for _ in range(asked):
        full_at = take(full_at, now, per_minute).full_at
    verdict = take(full_at, now, per_minute)
    if not verdict.allowed:
        assert verdict.retry_seconds > 0
        assert take(full_at, now + verdict.retry_seconds + 1e-6, per_minute).allowed


def test_tenants_have_a_bucket_each() -> None:
    rates = Rates(1)
    verdicts = [rates.take(tenant, 100.0) for tenant in ("a", "b", "a")]
    assert [verdict is not None and verdict.allowed for verdict in verdicts] == [True, True, False]


def test_without_a_limit_nothing_is_counted() -> None:
    assert Rates(0).take("a", 100.0) is None


@given(limits, st.floats(0, 1e7))
def test_headers_never_promise_more_than_a_minute_s_wait(per_minute: int, now: float) -> None:
    full_at = 0.0
    for _ in range(per_minute):
        full_at = take(full_at, now, per_minute).full_at
    assert rate_headers(take(full_at, now, per_minute))["RateLimit"] == '"tenant";r=0;t=60'


def test_headers_tell_the_limit_and_what_is_left() -> None:
    assert rate_headers(take(0.0, 100.0, 60)) == {
        "RateLimit-Policy": '"tenant";q=60;w=60',
        "RateLimit": '"tenant";r=59;t=1',
    }
