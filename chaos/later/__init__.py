"""The release after this one, as far as a deploy is concerned: ``python -m chaos.later.orchestrator`` and so on.

It has one stage more and one less, a second version of the pipeline, messages with more fields, and a kind of command
that this release does not know. The contracts are changed here, before any service reads them: the services are the same.
"""

from __future__ import annotations

import functools
import operator
from typing import Any, cast, get_args

import msgspec

from contracts import articles, commands, events, results, stages
from contracts.ids import SentJobId
from contracts.jobs import ArticleRequest
from contracts.stages import StageId

VERSION = 2
DROPPED = StageId.TABLE_OF_CONTENTS


class ReadAloudOutput(articles.Part, frozen=True, kw_only=True):
    seconds: int = 0


class ReadAloudInput(articles.Part, frozen=True, kw_only=True):
    request: ArticleRequest
    review: stages.ReviewOutput


class NoteJob(msgspec.Struct, frozen=True, kw_only=True, tag="note"):
    """A command that the release before does not know; it changes nothing."""

    job_id: SentJobId
    tenant: str
    text: str


def _new_stage(name: str, value: str) -> StageId:
    """Add a member to the enumeration, as if it were written there."""
    member = str.__new__(StageId, value)
    member._name_, member._value_ = name, value
    type.__setattr__(StageId, name, member)
    StageId._member_names_.append(name)
    StageId._member_map_[name] = member
    StageId._value2member_map_[value] = member
    return member


def _grown(kind: type[Any]) -> type[Any]:
    """Return a message with a field more, of the same name and tag."""
    config = kind.__struct_config__
    fields = [("later", str, "more than the release before knows")]
    return msgspec.defstruct(kind.__name__, fields, bases=(kind,), frozen=True, kw_only=True, tag=config.tag)


def _with(union: Any, *more: Any, instead: dict[Any, Any]) -> Any:
    """Return a union with some members replaced, and more of them."""
    return functools.reduce(operator.or_, [*(instead.get(kind, kind) for kind in get_args(union)), *more])


READ_ALOUD = _new_stage("READ_ALOUD", "stage_115")
"""Between review and publishing."""

_quality = msgspec.defstruct(
    "QualityInput",
    [(DROPPED.field, stages.TableOfContentsOutput | None, None)],
    bases=(stages.QualityInput,),
    frozen=True,
    kw_only=True,
)
stages.STAGES[StageId.QUALITY] = stages.StageContract(
    cast("type[articles.Part]", _quality), stages.QualityOutput
)
stages.STAGES[READ_ALOUD] = stages.StageContract(ReadAloudInput, ReadAloudOutput)
stages.PIPELINE_VERSION = VERSION

for module, names in ((commands, ("SubmitJob", "RunStage")), (results, ("StageResult",))):
    for name in names:
        setattr(module, name, _grown(getattr(module, name)))
_command_kinds = get_args(commands.JobCommand)
commands.JobCommand = _with(commands.JobCommand, NoteJob, instead={_command_kinds[0]: commands.SubmitJob})
_events = {kind: _grown(kind) for kind in (events.Completed, events.StageCompleted)}
for kind, grown in _events.items():
    setattr(events, kind.__name__, grown)
events.Event = _with(events.Event, instead=_events)

# What follows reads the contracts as they are now.

from chaos import outputs  # noqa: E402
from orchestrator import pipeline  # noqa: E402
from orchestrator.pipeline import StageSpec  # noqa: E402

outputs._OUTPUTS[READ_ALOUD] = ReadAloudOutput  # noqa: SLF001  as if it were written there


def _pipeline() -> pipeline.Pipeline:
    table = {stage: spec for stage, spec in pipeline.PIPELINES[1].items() if stage is not DROPPED}
    gate = table[StageId.QUALITY]
    needs = tuple(need for need in gate.needs if need is not DROPPED)
    table[StageId.QUALITY] = msgspec.structs.replace(gate, needs=needs)
    table[READ_ALOUD] = StageSpec(needs=(StageId.REVIEW,), timeout_seconds=60, typical_seconds=1)
    table[StageId.PUBLISH] = msgspec.structs.replace(table[StageId.PUBLISH], needs=(READ_ALOUD,))
    return table


cast("dict[int, pipeline.Pipeline]", pipeline.PIPELINES)[VERSION] = _pipeline()
