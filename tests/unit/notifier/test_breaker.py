"""When a breaker opens, for how long, and what disables an endpoint."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from notifier.breaker import DISABLED_AFTER, MOST_DOUBLINGS, THRESHOLD, Endpoint, after_failure
from notifier.deliveries import Outcome
from notifier.schedule import JITTER, LADDER

NOW = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def failed(
    endpoint: Endpoint, reason: str = "timeout", at: datetime = NOW, *, took: float = 1, pause: float = 7
) -> Endpoint:
    status = int(reason.removeprefix("http_")) if reason.startswith("http_") else None
    header = "7" if reason == "http_503" else None
    outcome = Outcome(reason=reason, status_code=status, retry_after=header)
    return after_failure(endpoint, outcome, pause, at - seconds(took), at, 30)


def often(times: int, reason: str = "timeout") -> Endpoint:
    endpoint = Endpoint()
    for _ in range(times):
        endpoint = failed(endpoint, reason)
    return endpoint


@pytest.mark.parametrize(
    "reason", ["dns", "connect", "tls", "timeout", "disconnected", "http_500", "http_302"]
)
def test_failures_in_a_row_open_it(reason: str) -> None:
    assert often(THRESHOLD - 1, reason).open_until is None
    assert often(THRESHOLD, reason).open_until == NOW + seconds(30)


@pytest.mark.parametrize("reason", ["http_400", "http_404", "http_422"])
def test_somebody_who_does_not_want_this_webhook_is_there_all_the_same(reason: str) -> None:
    assert often(50, reason).open_until is None
    closed = failed(often(THRESHOLD), reason)
    assert (closed.open_until, closed.failures, closed.trips) == (None, 0, 0)
    assert closed.failing_since is not None


def test_a_probe_that_fails_opens_it_again_for_longer_up_to_a_bound() -> None:
    endpoint, now, opened = often(THRESHOLD), NOW, []
    for _ in range(8):
        assert endpoint.open_until is not None
        now = endpoint.open_until + seconds(2)
        endpoint = failed(endpoint, at=now)
        assert endpoint.open_until is not None
        opened.append((endpoint.open_until - now).total_seconds())
    assert opened[:4] == [60, 120, 240, 480]
    assert opened[-1] == 30 * 2**MOST_DOUBLINGS


def test_what_was_on_its_way_when_it_opened_opens_it_no_further() -> None:
    endpoint = often(THRESHOLD)
    late = failed(endpoint, at=NOW + seconds(14), took=15)
    assert (late.trips, late.open_until) == (endpoint.trips, endpoint.open_until)


def test_nobody_waits_any_more_for_a_probe_that_opened_nothing() -> None:
    paused = failed(Endpoint(), "http_429")
    now = NOW + seconds(8)
    outcome = Outcome(reason="http_500", status_code=500)
    assert after_failure(paused, outcome, 7, now, now, 30, probe=True).open_until is None
    assert after_failure(paused, outcome, 7, now, now, 30).open_until == paused.open_until
    tripped = after_failure(often(THRESHOLD), outcome, 7, now, now, 30, probe=True)
    assert tripped.open_until == now + seconds(60)


@pytest.mark.parametrize("reason", ["http_429", "http_503"])
def test_a_receiver_that_asks_for_a_pause_gets_it_and_counts_as_no_failure(reason: str) -> None:
    endpoint = failed(Endpoint(), reason)
    assert (endpoint.open_until, endpoint.failures) == (NOW + seconds(7), 0)


@pytest.mark.parametrize("reason", ["ssrf_blocked", "invalid_url", "internal_error"])
def test_what_says_nothing_of_the_receiver_changes_nothing(reason: str) -> None:
    assert failed(Endpoint(), reason) == Endpoint()


def test_410_disables_at_once() -> None:
    gone = failed(Endpoint(), "http_410")
    assert (gone.disabled_at, gone.disabled_reason) == (NOW, "gone")
    again = failed(gone, "http_410", NOW + seconds(60))
    assert again.disabled_at == NOW


@pytest.mark.parametrize("reason", ["timeout", "http_500", "http_401", "http_429"])
def test_days_without_a_success_disable(reason: str) -> None:
    endpoint = failed(Endpoint(), "connect", took=0)
    before = failed(endpoint, reason, NOW + DISABLED_AFTER - seconds(1))
    after = failed(endpoint, reason, NOW + DISABLED_AFTER)
    assert before.disabled_at is None
    assert (after.disabled_at, after.disabled_reason) == (NOW + DISABLED_AFTER, "failing")


def test_a_webhook_has_all_its_attempts_before_its_endpoint_is_disabled() -> None:
    assert sum(LADDER) * (1 + JITTER) < DISABLED_AFTER.total_seconds()
