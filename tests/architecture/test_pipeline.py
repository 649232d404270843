"""The stage table, the stage types and the stage functions speak of the same stages."""

from __future__ import annotations

import importlib
import inspect
from typing import get_args, get_type_hints

import pytest

from contracts.stages import STAGES, StageId, reads
from orchestrator.pipeline import PIPELINE, ROUND_STAGES
from stage_workers.registry import REGISTRY


def before(stage: StageId) -> set[StageId]:
    """All stages that are done when ``stage`` starts."""
    needed = set(PIPELINE[stage].needs)
    return needed.union(*(before(other) for other in needed))


def test_every_stage_has_a_type_a_function_and_a_line_in_the_table() -> None:
    assert list(STAGES) == list(REGISTRY) == list(PIPELINE) == list(StageId)


@pytest.mark.parametrize("stage", StageId)
def test_a_stage_reads_only_what_is_done_before_it(stage: StageId) -> None:
    assert set(reads(stage)) <= before(stage)


@pytest.mark.parametrize("stage", StageId)
def test_a_stage_reads_what_exists(stage: StageId) -> None:
    """Every field of an input is the request, a report of the orchestrator's, or a stage's output by its name; one that
    was added later may be missing in commands from before."""
    rest = set(STAGES[stage].input.__struct_fields__) - {other.field for other in reads(stage)}
    assert rest <= {"request", "rounds", "earlier_articles"}
    hints = get_type_hints(STAGES[stage].input)
    for other in reads(stage):
        assert STAGES[other].output in {hints[other.field], *get_args(hints[other.field])}


@pytest.mark.parametrize("stage", StageId)
def test_a_stage_needs_only_earlier_ones_and_none_twice(stage: StageId) -> None:
    needs = PIPELINE[stage].needs
    assert all(other < stage for other in needs)
    for other in needs:
        assert not any(other in before(third) for third in needs), f"{other} is needed anyway"


def test_a_refused_round_does_again_all_that_lies_between_the_draft_and_the_gate() -> None:
    affected = {stage for stage in StageId if StageId.DRAFT in before(stage)} - {
        StageId.REVIEW,
        StageId.PUBLISH,
    }
    assert affected | {StageId.DRAFT} == ROUND_STAGES


@pytest.mark.parametrize("stage", StageId)
def test_a_stage_is_one_file_of_its_name_with_the_types_of_the_contract(stage: StageId) -> None:
    function = REGISTRY[stage]
    module = importlib.import_module(f"stage_workers.stages.{stage.field}")
    assert function is module.run
    assert inspect.iscoroutinefunction(function)
    hints = get_type_hints(function)
    assert hints[next(iter(inspect.signature(function).parameters))] is STAGES[stage].input
    assert STAGES[stage].output in set(_types_in(hints["return"]))


def _types_in(hint: object) -> list[object]:
    return [hint, *(inner for each in getattr(hint, "__args__", ()) for inner in _types_in(each))]
