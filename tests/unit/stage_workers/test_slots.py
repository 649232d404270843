"""Who may ask with which slot."""

from __future__ import annotations

from contracts.stages import StageId
from stage_workers.slots import ASK_SECONDS, SCARCE_ASK_SECONDS, Slots

ONE, TWO, THREE = StageId.COMPANY, StageId.BRIEF, StageId.RESEARCH
ALL = (ONE, TWO, THREE)


def test_no_more_is_asked_for_than_there_are_slots() -> None:
    slots = Slots(2, ALL)
    assert [slots.take(stage) for stage in ALL] == [1, 1, 0]
    assert [slots.take(stage) for stage in ALL] == [0, 0, 0]


def test_one_stage_may_use_all_slots_when_the_others_have_nothing() -> None:
    slots = Slots(3, ALL)
    assert [slots.take(ONE) for _ in range(4)] == [1, 1, 1, 0]


def test_a_slot_that_is_given_back_goes_to_whoever_has_waited_longest() -> None:
    slots = Slots(1, ALL)
    assert slots.take(ONE) == 1
    assert slots.take(THREE) == 0
    assert slots.take(TWO) == 0
    slots.give_back()
    assert slots.take(ONE) == 0, "it has had its turn"
    assert slots.take(TWO) == 0
    assert slots.take(THREE) == 1
    slots.give_back()
    assert slots.take(ONE) == 0
    assert slots.take(TWO) == 1


def test_the_stage_whose_turn_it_is_gets_woken_and_only_that_one() -> None:
    slots = Slots(1, ALL)
    for stage in (ONE, THREE, TWO):
        slots.take(stage)
    slots.give_back()
    assert [slots.wake(stage).is_set() for stage in ALL] == [False, False, True]


def test_several_slots_wake_as_many_stages() -> None:
    slots = Slots(2, ALL)
    for stage in (ONE, ONE, ONE, TWO, THREE):
        slots.take(stage)
    slots.give_back(2)
    assert [slots.wake(stage).is_set() for stage in ALL] == [True, True, False]


def test_requests_are_short_while_somebody_waits_for_a_slot() -> None:
    slots = Slots(1, ALL)
    slots.take(ONE)
    assert slots.patience() == ASK_SECONDS
    slots.take(TWO)
    assert slots.patience() == SCARCE_ASK_SECONDS
    slots.give_back()
    slots.take(TWO)
    assert slots.patience() == ASK_SECONDS
