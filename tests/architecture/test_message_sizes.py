"""The arithmetic of docs/adr/0003: the largest message of each kind fits into what a NATS server takes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from msgspec import Raw

from chassis.broker import Delivered, Outgoing
from contracts import codec, streams, subjects
from contracts.articles import ArticleReference, Finding, RoundReport
from contracts.commands import SubmitJob
from contracts.dead_letters import DeadLetterCode, dead_letter
from contracts.events import QualityRejected
from contracts.ids import new_job_id
from contracts.jobs import ArticleRequest, JobState
from contracts.payloads import (
    EARLIER_ARTICLES_LIMIT,
    FINDINGS_LIMIT,
    INLINE_LIMIT,
    MESSAGE_LIMIT,
    REQUEST_LIMIT,
    RESULT_LIMIT,
    Inline,
)
from contracts.results import StageDone, StageResult, Summary, Verdict
from contracts.stages import STAGES, StageId, reads
from orchestrator.job import Job, StageRecord, StageStatus
from orchestrator.messages import Material, event_message, stage_message
from orchestrator.pipeline import MAX_ROUNDS, latest_version
from orchestrator.step import Step, command
from orchestrator.usage import Entry, Spending, spending

NOW = datetime(2026, 1, 4, 10, 0, 0, 123456, tzinfo=UTC)
JOB_ID = new_job_id()
LONG_NAME = "x" * 250
"""Longer than any tenant, batch or worker is called."""


def json_of(size: int) -> bytes:
    return b'"' + b"x" * (size - 2) + b'"'


def size_on_the_wire(message: Outgoing) -> int:
    """What counts for the limit: headers as NATS writes them, and the body."""
    headers = {**message.headers, "Nats-Msg-Id": message.msg_id}
    lines = sum(len(f"{name}: {value}\r\n") for name, value in headers.items())
    return len(b"NATS/1.0\r\n\r\n") + lines + len(message.payload)


def largest_findings() -> tuple[Finding, ...]:
    empty = Finding(code="x", message="", critical=True, where="")
    finding = Finding(
        code="x", message="m" * (FINDINGS_LIMIT - len(codec.encode((empty,))) - 100), critical=True
    )
    findings = codec.fitting((finding, *[empty] * 1000), FINDINGS_LIMIT)
    assert FINDINGS_LIMIT - 100 < len(codec.encode(findings)) <= FINDINGS_LIMIT
    return findings


FINDINGS = largest_findings()


def largest_earlier_articles() -> list[ArticleReference]:
    """More than fit, so that the orchestrator has to choose."""
    one = ArticleReference(slug="s" * 500, headline="h" * 5000, primary_keyword="k" * 200, job_id=JOB_ID)
    return [one] * (2 * EARLIER_ARTICLES_LIMIT // len(codec.encode(one)))


def largest_spending() -> Spending:
    call = {"kind": "search", "state": "open", "reserved_micros": 2**50, "cost_micros": None}
    entries = [
        Entry(
            stage=stage, run=99, round=9, attempt=9, key=str(key), name="\N{GRINNING FACE}" * 400,
            input_tokens=2**50, output_tokens=2**50, **call,
        )
        for stage in StageId
        for key in range(50)
        for _ in range(2)
    ]  # fmt: skip
    return spending(entries)


def running_job() -> Job:
    """A job in its last round, with every stage done and every earlier round refused at length."""
    record = StageRecord(
        status=StageStatus.DONE, run=99, round=MAX_ROUNDS, attempt=9, started_at=NOW, finished_at=NOW
    )
    return Job(
        job_id=JOB_ID,
        tenant=LONG_NAME,
        batch_id=LONG_NAME,
        state=JobState.RUNNING,
        priority=1,
        primary_keyword="k" * 200,
        max_duration_minutes=60,
        created_at=NOW,
        queued_at=NOW,
        pipeline_version=999,
        run=99,
        round=MAX_ROUNDS,
        seq=99_999,
        deadline_at=NOW + timedelta(hours=1),
        stages=dict.fromkeys(StageId, record),
        rounds=tuple(
            RoundReport(
                round=number + 1,
                score=74.123,
                passed=True,
                findings=FINDINGS,
                chosen=True,
                changes=("c" * 200,) * 10,
            )
            for number in range(MAX_ROUNDS)
        ),
    )


def largest_command(stage: StageId) -> Outgoing:
    job = running_job()
    material = Material(
        requests={JOB_ID: json_of(REQUEST_LIMIT)},
        outputs={
            (JOB_ID, other.value, MAX_ROUNDS): Inline(Raw(json_of(INLINE_LIMIT))) for other in reads(stage)
        },
        earlier={JOB_ID: largest_earlier_articles()},
        spending={JOB_ID: largest_spending()},
    )
    step = Step(msgspec.structs.replace(job, pipeline_version=latest_version()), NOW)
    return stage_message(job, command(step, stage, job.stages[stage], repeated=True), material, "r" * 40)


@pytest.mark.parametrize("stage", StageId)
def test_the_largest_command_of_a_stage_fits(stage: StageId) -> None:
    message = largest_command(stage)
    assert size_on_the_wire(message) <= MESSAGE_LIMIT
    lower = REQUEST_LIMIT + len(reads(stage)) * INLINE_LIMIT
    assert len(message.payload) > lower, "the command is not the largest one"


def test_the_gate_reads_ten_outputs_as_the_decision_says() -> None:
    assert max(len(reads(stage)) for stage in StageId) == len(reads(StageId.QUALITY)) == 10


def test_every_field_of_an_input_has_a_bound() -> None:
    bounded = {"request", "rounds", "earlier_articles", "usage", *(stage.field for stage in StageId)}
    fields = {name for contract in STAGES.values() for name in contract.input.__struct_fields__}
    assert fields <= bounded


def test_the_largest_submission_fits() -> None:
    request = ArticleRequest(primary_keyword="k", company_url="https://x.example", client_info={"x": ""})
    padding = REQUEST_LIMIT - len(codec.encode(request))
    request = ArticleRequest(
        primary_keyword="k", company_url="https://x.example", client_info={"x": "x" * padding}
    )
    assert len(codec.encode(request)) == REQUEST_LIMIT
    submission = SubmitJob(job_id=JOB_ID, tenant=LONG_NAME, request=request, submitted_at=NOW)
    message = Outgoing(subjects.command(submission), codec.encode(submission), f"submit/{JOB_ID}/999")
    assert size_on_the_wire(message) <= MESSAGE_LIMIT


@pytest.mark.parametrize("stage", StageId)
def test_the_largest_result_of_a_stage_fits(stage: StageId) -> None:
    last = stage is StageId.PUBLISH
    summary = Summary(headline="h" * 1000, slug="s" * 1000, word_count=99_999, aeo_score=74.123)
    outcome = StageDone(
        output=Inline(Raw(json_of(RESULT_LIMIT if last else INLINE_LIMIT))),
        verdict=Verdict(passed=True, score=74.123, findings=FINDINGS),
        summary=summary if last else None,
    )
    result = StageResult(
        job_id=JOB_ID,
        stage=stage,
        run=99,
        round=MAX_ROUNDS,
        attempt=9,
        outcome=outcome,
        started_at=NOW,
        finished_at=NOW,
        worker=LONG_NAME,
    )
    message = Outgoing(subjects.result(JOB_ID, stage), codec.encode(result), "x" * 100)
    assert size_on_the_wire(message) <= MESSAGE_LIMIT


def test_the_largest_event_fits() -> None:
    event = QualityRejected(
        job_id=JOB_ID,
        seq=99_999,
        at=NOW,
        tenant=LONG_NAME,
        batch_id=LONG_NAME,
        round=MAX_ROUNDS,
        score=74.123,
        findings=FINDINGS,
        next_round=None,
    )
    assert size_on_the_wire(event_message(event)) <= MESSAGE_LIMIT


def test_the_largest_dead_letter_fits() -> None:
    original = Delivered(
        stream=LONG_NAME,
        subject=LONG_NAME,
        sequence=10**12,
        stored_at_ns=10**19,
        deliveries=10**6,
        headers={"Nats-Msg-Id": LONG_NAME},
        data=b"x" * MESSAGE_LIMIT,
    )
    letter = dead_letter(original, DeadLetterCode.UNKNOWN_VERSION, "\N{GRINNING FACE}" * 5000, LONG_NAME, NOW)
    assert letter.truncated
    message = Outgoing(subjects.dead_letter(letter), codec.encode(letter), letter.message_id)
    assert size_on_the_wire(message) <= MESSAGE_LIMIT


def test_streams_take_what_fits() -> None:
    assert {stream.max_msg_size for stream in streams.ALL} == {MESSAGE_LIMIT}
