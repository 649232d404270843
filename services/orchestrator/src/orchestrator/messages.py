"""From effects to messages: what goes to the workers and to the public."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from chassis.broker import Outgoing
from contracts import codec, subjects
from contracts.articles import ArticleReference
from contracts.commands import RunStage
from contracts.events import Event, cloudevents_headers, event_id
from contracts.ids import JobId
from contracts.payloads import EARLIER_ARTICLES_LIMIT, Inline, Payload
from contracts.stages import STAGES, StageId
from contracts.usage import Usage
from orchestrator.job import CommandLost, Job, SendStage
from orchestrator.usage import Spending

OutputKey = tuple[str, str, int]
"""Job, stage, round."""


class Material(msgspec.Struct):
    """What stage commands are made from, read in the same transaction."""

    requests: Mapping[str, bytes]
    outputs: Mapping[OutputKey, Payload]
    earlier: Mapping[str, Sequence[ArticleReference]]
    """By job."""
    spending: Mapping[str, Spending] = {}
    """By job; those that have a limit, or have paid for something."""


def event_message(event: Event) -> Outgoing:
    """Return a public event as it is published."""
    number = event_id(event)
    return Outgoing(subjects.event(event), codec.encode(event), number, cloudevents_headers(event, number))


def command_id(job_id: str, attempt: SendStage | CommandLost) -> str:
    """Return the message id of an attempt's command."""
    return f"{job_id}/{attempt.stage}/{attempt.run}/{attempt.round}/{attempt.attempt}"


def attempt_of(message_id: str) -> tuple[JobId, CommandLost] | None:
    """Return the job and the attempt that a command's message id names, None when it is no such id."""
    try:
        job_id, stage, run, number, attempt, *_repeat = message_id.split("/")
        return JobId(job_id), CommandLost(StageId(stage), int(run), int(number), int(attempt))
    except ValueError:
        return None


def stage_message(job: Job, send: SendStage, material: Material, repeat: str = "") -> Outgoing:
    """Return a stage's command; ``repeat`` makes its id differ from that of the copy that was lost."""
    assert job.deadline_at is not None  # noqa: S101  a running job has one
    command = RunStage(
        job_id=job.job_id,
        tenant=job.tenant,
        stage=send.stage,
        run=send.run,
        round=send.round,
        attempt=send.attempt,
        timeout_seconds=send.timeout_seconds,
        deadline_at=job.deadline_at,
        pipeline_version=job.pipeline_version,
        inputs=_inputs(job, send, material),
        allowance=material.spending.get(job.job_id, Spending()).allowance(),
    )
    number = command_id(job.job_id, send) + (f"/{repeat}" if repeat else "")
    return Outgoing(subjects.stage(send.stage, job.job_id), codec.encode(command), number)


def _inputs(job: Job, send: SendStage, material: Material) -> dict[str, Payload]:
    """Fill the input's fields by name: outputs of the rounds that were asked for, and what else it takes."""
    inputs: dict[str, Payload] = {"request": Inline(msgspec.Raw(material.requests[job.job_id]))}
    for stage, number in send.reads.items():
        inputs[stage.field] = material.outputs[job.job_id, stage.value, number]
    fields = STAGES[send.stage].input.__struct_fields__
    if "rounds" in fields:
        inputs["rounds"] = _inline(job.rounds)
    if "usage" in fields:
        spent = material.spending.get(job.job_id, Spending())
        inputs["usage"] = _inline(spent.usage or Usage())
    if "earlier_articles" in fields:
        earlier = material.earlier.get(job.job_id, ())
        inputs["earlier_articles"] = _inline(codec.fitting(earlier, EARLIER_ARTICLES_LIMIT))
    return inputs


def _inline(value: object) -> Inline:
    return Inline(msgspec.Raw(codec.encode(value)))


def job_stage_subjects(job_id: JobId) -> list[str]:
    """Return the subjects of all of one job's stage commands."""
    return [subjects.stage(stage, job_id) for stage in StageId]
