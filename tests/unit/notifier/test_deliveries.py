"""What follows from an attempt, and which deliveries are sent together."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.deliveries import Candidate, Caps, Delivery, Outcome, Verdict, choose, settle
from notifier.schedule import HOUR

NOW = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)
LADDER = (0.0, 10.0, 100.0)


def delivery(attempts: int, throttles: int = 0) -> Delivery:
    return Delivery(
        id=1, job_id="j-1", tenant="t", seq=9, event="failed", url="", endpoint="e", host="", body=b"",
        attempts=attempts, throttles=throttles, claimed_until=NOW,
    )  # fmt: skip


def outcome(reason: str, retry_after: str | None = None) -> Outcome:
    status = int(reason.removeprefix("http_")) if reason.startswith("http_") else None
    return Outcome(reason=reason, status_code=status, retry_after=retry_after)


def verdict(
    attempt: int, reason: str, retry_after: str | None = None, *, throttles: int = 0, disabled: bool = False
) -> Verdict:
    """Judge the attempt of that number."""
    told = outcome(reason, retry_after)
    return settle(delivery(attempt - 1, throttles), told, LADDER, 0.5, NOW, disabled=disabled)


def test_success_ends_a_delivery() -> None:
    assert verdict(1, "delivered") == Verdict(status="delivered")


@pytest.mark.parametrize(
    "reason",
    ["dns", "connect", "tls", "timeout", "disconnected", "http_302", "http_404", "http_500", "http_503"],
)
def test_any_other_failure_is_tried_again_until_the_ladder_ends(reason: str) -> None:
    assert verdict(1, reason) == Verdict(status="pending", delay_seconds=10)
    assert verdict(2, reason) == Verdict(status="pending", delay_seconds=100)
    assert verdict(3, reason) == Verdict(status="exhausted")


@pytest.mark.parametrize("reason", ["ssrf_blocked", "invalid_url"])
def test_what_cannot_get_better_is_not_tried_again(reason: str) -> None:
    assert verdict(1, reason) == Verdict(status="exhausted")
    assert verdict(1, reason, disabled=True) == Verdict(status="exhausted")


@pytest.mark.parametrize("reason", ["http_410", "http_500", "timeout", "http_429"])
def test_what_fails_at_a_disabled_endpoint_is_held(reason: str) -> None:
    assert verdict(1, reason, disabled=True) == Verdict(status="held")
    assert verdict(3, reason, disabled=True) == Verdict(status="held")


def test_retry_after_lengthens_the_wait_and_never_shortens_it() -> None:
    assert verdict(1, "http_500", "60").delay_seconds == 60
    assert verdict(1, "http_500", "1").delay_seconds == 10
    assert verdict(3, "http_500", "60").status == "exhausted"


@pytest.mark.parametrize(("reason", "header"), [("http_429", None), ("http_429", "7"), ("http_503", "7")])
def test_a_receiver_that_asks_for_a_pause_uses_up_no_attempt(reason: str, header: str | None) -> None:
    for throttles in range(20):
        found = verdict(throttles + 1, reason, header, throttles=throttles)
        assert found.status == "pending"
        assert found.throttled
        assert found.delay_seconds >= (7 if header else 1)
    assert verdict(21, "http_500", throttles=20) == Verdict(status="pending", delay_seconds=10)
    assert verdict(23, "http_500", throttles=20) == Verdict(status="exhausted")


def test_pauses_grow_to_an_hour_whatever_the_receiver_says() -> None:
    delays = [verdict(n + 1, "http_429", "0", throttles=n).delay_seconds for n in range(40)]
    assert delays[:4] == [1, 2, 4, 8]
    assert delays[-1] == HOUR


NAMES = st.sampled_from("abcd")


@given(
    wanted=st.lists(st.tuples(NAMES, st.booleans()), max_size=60),
    flying=st.lists(NAMES, max_size=12),
    tokens=st.dictionaries(NAMES, st.integers(0, 9)),
)
def test_the_choice_fills_the_room_and_nothing_beyond_its_share(
    wanted: list[tuple[str, bool]], flying: list[str], tokens: dict[str, int]
) -> None:
    host = {"a": "h", "b": "h", "c": "i", "d": "i"}
    caps = Caps(in_all=16, per_endpoint=4, per_host=6)
    candidates = [Candidate(n, name, host[name], probe) for n, (name, probe) in enumerate(wanted)]
    chosen = choose(
        candidates, [(name, host[name]) for name in flying], lambda name: tokens.get(name, 9), caps
    )
    before, started = Counter(flying), Counter(each.endpoint for each in chosen)
    hosts = Counter(host[name] for name in flying) + Counter(each.host for each in chosen)
    assert [each.id for each in chosen] == sorted(each.id for each in chosen)
    assert not chosen or len(chosen) + len(flying) <= 16
    for name, count in started.items():
        assert before[name] + count <= 4
        assert count <= tokens.get(name, 9)
    assert all(hosts[each.host] <= 6 for each in chosen)
    for each in candidates:
        if each not in chosen and len(chosen) + len(flying) < 16:
            most = 1 if each.probe else 4
            full = before[each.endpoint] + started[each.endpoint] >= most
            assert full or hosts[each.host] >= 6 or started[each.endpoint] >= tokens.get(each.endpoint, 9)


def test_one_webhook_goes_out_to_see_whether_an_endpoint_works_again() -> None:
    candidates = [Candidate(n, "a", "h", True) for n in range(5)]
    caps = Caps(in_all=16, per_endpoint=4, per_host=16)
    assert [each.id for each in choose(candidates, [], lambda _: 9, caps)] == [0]
    assert choose(candidates, [("a", "h")], lambda _: 9, caps) == []


def test_the_id_names_job_and_event_and_stays_for_all_attempts() -> None:
    assert delivery(3).message_id == "msg_j-1_9"
