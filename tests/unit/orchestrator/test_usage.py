"""What a ledger's lines come to."""

from __future__ import annotations

from typing import Any

from contracts.usage import MOST_DUPLICATES, DuplicateSpend, StageUsage
from orchestrator.usage import Entry, Spending, spending


def entry(**fields: Any) -> Entry:
    given: dict[str, Any] = {
        "stage": "stage_02",
        "run": 1,
        "round": 1,
        "attempt": 1,
        "kind": "search",
        "key": "k",
        "name": "heat pumps",
        "state": "done",
        "reserved_micros": 5000,
        "cost_micros": 5000,
        "input_tokens": 0,
        "output_tokens": 0,
    }
    return Entry(**{**given, **fields})


def usage(*entries: Entry) -> Any:
    return spending(entries).usage


OPEN = {"state": "open", "cost_micros": None}


def test_calls_are_summed_up_in_all_and_by_stage() -> None:
    found = spending(
        [
            entry(key="a"),
            entry(key="b", **OPEN),
            entry(key="c", state="refused", cost_micros=0),
            entry(stage="stage_03", kind="model", cost_micros=70_000, input_tokens=900, output_tokens=80),
            entry(stage="stage_09", kind="image", cost_micros=40_000),
        ]
    )
    assert (found.settled_micros, found.open_micros) == (115_000, 5000)
    assert found.usage is not None
    assert (found.usage.calls, found.usage.searches, found.usage.images) == (1, 2, 1)
    assert (found.usage.cost_usd, found.usage.unsettled, found.usage.unsettled_usd) == (0.115, 1, 0.005)
    assert found.usage.stages["draft"] == StageUsage(
        calls=1, input_tokens=900, output_tokens=80, cost_usd=0.07
    )
    assert set(found.usage.stages) == {"research", "draft", "images"}


def test_a_cost_without_a_price_is_unknown_and_not_zero() -> None:
    found = usage(entry(), entry(key="b", reserved_micros=None, cost_micros=None))
    assert found.cost_usd is None
    assert usage(entry(key="b", reserved_micros=None, **OPEN)).cost_usd is None
    assert usage(entry()).cost_usd == 0.005


def test_a_call_without_an_outcome_that_is_made_again_is_duplicate_spend() -> None:
    [found] = usage(entry(**OPEN), entry(key="other"), entry()).duplicate_spend
    assert found == DuplicateSpend(stage="research", kind="search", key="heat pumps", times=1, cost_usd=0.005)
    assert usage(entry(**OPEN), entry(attempt=2)).duplicate_spend
    assert usage(entry(**OPEN), entry(run=2)).duplicate_spend


def test_a_settled_call_is_duplicate_spend_when_the_same_attempt_makes_it_again() -> None:
    assert usage(entry(), entry()).duplicate_spend[0].times == 1
    assert usage(entry(), entry(), entry(**OPEN)).duplicate_spend[0].times == 2
    assert usage(entry(), entry(attempt=2)).duplicate_spend == ()


def test_refused_calls_other_rounds_stages_and_questions_repeat_nothing() -> None:
    refused = entry(state="refused", cost_micros=0)
    others = [entry(round=2), entry(stage="stage_04"), entry(key="other"), entry(kind="model")]
    assert usage(refused, entry(**OPEN), *others).duplicate_spend == ()
    assert usage(entry(**OPEN)).duplicate_spend == ()


def test_the_list_of_repeated_calls_is_bounded() -> None:
    many = [entry(key=str(key), **OPEN) for key in range(MOST_DUPLICATES + 10) for _ in range(2)]
    assert len(usage(*many).duplicate_spend) == MOST_DUPLICATES


def test_a_stage_of_a_later_release_is_called_by_its_id() -> None:
    assert set(usage(entry(stage="stage_99")).stages) == {"stage_99"}


def test_a_limit_is_told_in_millionths() -> None:
    assert Spending(max_cost_usd=0.1, settled_micros=7).allowance().max_micros == 100_000
    assert Spending().allowance().max_micros is None
