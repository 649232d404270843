"""What follows from an attempt, and which deliveries are sent together."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.deliveries import Delivery, Outcome, Verdict, choose, settle

NOW = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)
LADDER = (0.0, 10.0, 100.0)


def verdict(attempts: int, reason: str, retry_after: str | None = None) -> Verdict:
    return settle(attempts, Outcome(reason=reason, retry_after=retry_after), LADDER, 0.5, NOW)


def test_success_ends_a_delivery() -> None:
    assert verdict(1, "delivered") == Verdict(status="delivered")


@pytest.mark.parametrize(
    "reason", ["dns", "connect", "tls", "timeout", "disconnected", "http_302", "http_404", "http_500"]
)
def test_any_other_failure_is_tried_again_until_the_ladder_ends(reason: str) -> None:
    assert verdict(1, reason) == Verdict(status="pending", delay_seconds=10)
    assert verdict(2, reason) == Verdict(status="pending", delay_seconds=100)
    assert verdict(3, reason) == Verdict(status="exhausted")


@pytest.mark.parametrize("reason", ["http_410", "invalid_url"])
def test_what_cannot_get_better_is_not_tried_again(reason: str) -> None:
    assert verdict(1, reason) == Verdict(status="exhausted")


def test_retry_after_lengthens_the_wait_and_never_shortens_it() -> None:
    assert verdict(1, "http_429", "60").delay_seconds == 60
    assert verdict(1, "http_429", "1").delay_seconds == 10
    assert verdict(3, "http_429", "60").status == "exhausted"


HOSTS = st.sampled_from("abc")


@given(
    hosts=st.lists(HOSTS, max_size=40),
    in_flight=st.dictionaries(HOSTS, st.integers(0, 4)),
    room=st.integers(0, 16),
)
def test_the_choice_fills_the_room_and_no_host_beyond_its_share(
    hosts: list[str], in_flight: dict[str, int], room: int
) -> None:
    candidates = list(enumerate(hosts))
    chosen = choose(candidates, in_flight, room, 4)
    by_host = Counter(in_flight) + Counter(hosts[identifier] for identifier in chosen)
    assert chosen == sorted(chosen)
    assert len(chosen) <= room
    assert all(count <= 4 for count in by_host.values())
    left_out = [host for identifier, host in candidates if identifier not in chosen]
    assert len(chosen) == room or all(by_host[host] == 4 for host in left_out)


def test_the_id_names_job_and_event_and_stays_for_all_attempts() -> None:
    delivery = Delivery(
        id=1,
        job_id="j-1",
        tenant="a",
        seq=9,
        event="failed",
        url="",
        host="",
        body=b"",
        attempts=3,
        claimed_until=NOW,
    )
    assert delivery.message_id == "msg_j-1_9"
