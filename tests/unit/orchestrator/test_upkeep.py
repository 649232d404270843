"""What counts as a consumer that serves nobody, and as one that is not what it should be."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from contracts.streams import Consumer
from orchestrator.upkeep import Look, drifted, stuck

CREATED = datetime(2026, 1, 5, 9, tzinfo=UTC)
WEDGED = Look(created=CREATED, delivered=7, ack_floor=7, unanswered=0, pending=3, askers=1)
CONSUMER = Consumer(durable="one", filters=("a.*",), ack_wait_seconds=15)


def config(**changes: Any) -> ConsumerConfig:
    given = ConsumerConfig(
        durable_name="one", filter_subject="a.*", ack_policy=AckPolicy.EXPLICIT, deliver_policy=DeliverPolicy.ALL,
        ack_wait=15, max_deliver=-1, max_ack_pending=1000,
    )  # fmt: skip
    return given.evolve(**changes)


def test_messages_and_askers_that_wait_while_nothing_is_handed_out_are_a_stuck_consumer() -> None:
    assert stuck(WEDGED, WEDGED)
    assert stuck(WEDGED, msgspec.structs.replace(WEDGED, pending=9, askers=4)), "more of both came meanwhile"


@pytest.mark.parametrize(
    "change",
    [
        {"pending": 0},
        {"askers": 0},
        {"unanswered": 1},
        {"delivered": 8},
        {"ack_floor": 8},
        {"created": datetime(2026, 1, 5, 10, tzinfo=UTC)},
    ],
)
def test_any_sign_of_life_or_of_nobody_asking_is_not(change: dict[str, Any]) -> None:
    other = msgspec.structs.replace(WEDGED, **change)
    assert not stuck(WEDGED, other)
    assert not stuck(other, WEDGED)


def test_one_look_says_nothing() -> None:
    assert not stuck(None, WEDGED)


@pytest.mark.parametrize("start", [None, 1, 8])
def test_a_consumer_that_goes_on_from_within_its_stream_is_as_it_should_be(start: int | None) -> None:
    policy = DeliverPolicy.BY_START_SEQUENCE if start else DeliverPolicy.ALL
    assert not drifted(config(deliver_policy=policy, opt_start_seq=start), CONSUMER, 7)


@pytest.mark.parametrize(
    "change",
    [
        {"filter_subject": "b.*"},
        {"filter_subject": None, "filter_subjects": ["a.*", "b.*"]},
        {"ack_policy": AckPolicy.NONE},
        {"ack_wait": 3600.0},
        {"max_deliver": 1},
        {"max_ack_pending": 1},
        {"deliver_policy": DeliverPolicy.NEW},
        {"deliver_policy": DeliverPolicy.BY_START_SEQUENCE, "opt_start_seq": 9},
    ],
)
def test_any_other_setting_is_drift(change: dict[str, Any]) -> None:
    assert drifted(config(**change), CONSUMER, 7)
