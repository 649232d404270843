"""The stage table, the stage types and the stage functions speak of the same stages."""

from __future__ import annotations

import importlib
import inspect
from typing import get_args, get_type_hints

import msgspec
import pytest

from contracts.stages import PIPELINE_VERSION, STAGES, StageId, reads
from orchestrator.pipeline import PIPELINES, latest_version, round_stages
from stage_workers.registry import REGISTRY

every_version = pytest.mark.parametrize("version", PIPELINES)


def before(version: int, stage: StageId) -> set[StageId]:
    """All stages that are done when ``stage`` starts."""
    needed = set(PIPELINES[version][stage].needs)
    return needed.union(*(before(version, other) for other in needed))


def test_every_stage_has_a_type_and_a_function() -> None:
    assert list(STAGES) == list(REGISTRY) == list(StageId)


def test_new_jobs_get_the_version_that_workers_of_this_release_know_as_the_latest() -> None:
    assert latest_version() == PIPELINE_VERSION


@every_version
def test_a_pipeline_has_the_stages_that_steer_and_ends_with_the_last(version: int) -> None:
    assert set(PIPELINES[version]) >= {StageId.DRAFT, StageId.QUALITY, StageId.PUBLISH}
    assert before(version, StageId.PUBLISH) == set(PIPELINES[version]) - {StageId.PUBLISH}
    assert list(PIPELINES[version]) == sorted(PIPELINES[version])


@every_version
def test_a_stage_reads_only_what_is_done_before_it_and_can_do_without_what_its_pipeline_has_not(
    version: int,
) -> None:
    for stage in PIPELINES[version]:
        read = set(reads(stage))
        assert read & set(PIPELINES[version]) <= before(version, stage)
        required = {
            field.encode_name for field in msgspec.structs.fields(STAGES[stage].input) if field.required
        }
        assert not {other.field for other in read - set(PIPELINES[version])} & required


@pytest.mark.parametrize("stage", StageId)
def test_a_stage_reads_what_exists(stage: StageId) -> None:
    """Every field of an input is the request, a report of the orchestrator's, or a stage's output by its name; one that
    was added later may be missing in commands from before."""
    rest = set(STAGES[stage].input.__struct_fields__) - {other.field for other in reads(stage)}
    assert rest <= {"request", "rounds", "earlier_articles", "usage"}
    hints = get_type_hints(STAGES[stage].input)
    for other in reads(stage):
        assert STAGES[other].output in {hints[other.field], *get_args(hints[other.field])}


@every_version
def test_a_stage_needs_only_earlier_ones_and_none_twice(version: int) -> None:
    for stage, spec in PIPELINES[version].items():
        assert all(other < stage for other in spec.needs)
        for other in spec.needs:
            assert not any(other in before(version, third) for third in spec.needs), (
                f"{other} is needed anyway"
            )


@every_version
def test_a_refused_round_does_again_all_that_builds_on_the_draft_and_comes_before_the_gate(
    version: int,
) -> None:
    affected = {
        stage
        for stage in PIPELINES[version]
        if StageId.DRAFT in before(version, stage) and StageId.QUALITY not in before(version, stage)
    }
    assert affected | {StageId.DRAFT} == round_stages(version)


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
