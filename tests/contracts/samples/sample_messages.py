"""Every message that crosses a service's border: on the bus, over HTTP, and in the views."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, NamedTuple

from msgspec import Raw
from sample_parts import (
    AT,
    FINDING,
    GIVEN,
    INPUTS,
    JOB_ID,
    OUTPUTS,
    REQUEST,
    RESULT,
    USAGE,
)

from contracts import codec, events, streams, subjects, views, webhooks
from contracts.commands import CancelJob, JobCancelled, JobCommand, RetryJob, RunStage, SubmitJob
from contracts.dead_letters import DeadLetter, DeadLetterCode
from contracts.payloads import Inline, Payload, Stored
from contracts.results import StageDone, StageFail, StageResult, StageRetry, Summary, Verdict
from contracts.spending import Allowance, PaidCall
from contracts.stages import STAGES, StageId
from contracts.webhooks import ThinWebhookPayload, WebhookPayload
from gateway import presenters, schemas
from notifier.payloads import payload as webhook_payload
from notifier.payloads import thin as thin_webhook_payload
from notifier.payloads import trial as webhook_trial

END = AT + timedelta(minutes=12, seconds=30)
LARGE = Stored(key=f"{JOB_ID}/outputs/stage_02-1-1-1.json", sha256="9f86d081" * 8, size=70_001)


class Sample(NamedTuple):
    """A message as it is written, and the type it is read as."""

    name: str
    value: Any
    kind: Any
    subject: str | None = None
    headers: dict[str, str] | None = None
    variation: bool = False
    """Whether another sample of the same type has every field filled in, and this one shows another form."""


def inline(value: object) -> Inline:
    return Inline(Raw(codec.encode(value)))


def _commands() -> Iterator[Sample]:
    about: dict[str, Any] = {"job_id": JOB_ID, "tenant": "default"}
    for name, command in {
        "submit": SubmitJob(**about, request=REQUEST, submitted_at=AT),
        "cancel": CancelJob(**about, requested_at=AT, reason="no longer needed"),
        "retry": RetryJob(**about, requested_at=AT, run=2, max_cost_usd=4.0),
    }.items():
        yield Sample(f"command_{name}", command, JobCommand, subjects.command(command))


def _run_stage() -> Sample:
    inputs: dict[str, Payload] = {
        name: inline(GIVEN[name]) for name in ("request", "company", "brief", "rounds")
    }
    command = RunStage(
        job_id=JOB_ID,
        tenant="default",
        stage=StageId.DRAFT,
        run=1,
        round=2,
        attempt=1,
        timeout_seconds=1200,
        deadline_at=AT + timedelta(minutes=30),
        pipeline_version=1,
        inputs={**inputs, "research": LARGE},
        allowance=Allowance(max_micros=2_500_000, settled_micros=125_000, open_micros=5_000),
    )
    return Sample("run_stage", command, RunStage, subjects.stage(StageId.DRAFT, JOB_ID))


def _result(name: str, stage: StageId, outcome: Any, **more: Any) -> Sample:
    result = StageResult(
        job_id=JOB_ID,
        stage=stage,
        run=1,
        round=2,
        attempt=1,
        outcome=outcome,
        started_at=AT,
        finished_at=END,
        worker="worker-7",
    )
    return Sample(f"stage_result_{name}", result, StageResult, subjects.result(JOB_ID, stage), **more)


def _results() -> Iterator[Sample]:
    verdict = Verdict(passed=True, score=81.5, findings=(FINDING,), changes=("took another answer",))
    summary = Summary(headline=RESULT.headline, slug=RESULT.slug, word_count=1187, aeo_score=81.5)
    inlined = inline(OUTPUTS[StageId.TABLE_OF_CONTENTS])
    yield _result("done_inline", StageId.TABLE_OF_CONTENTS, StageDone(output=inlined), variation=True)
    yield _result("done_stored", StageId.RESEARCH, StageDone(output=LARGE), variation=True)
    yield _result("done_with_verdict", StageId.QUALITY, StageDone(output=LARGE, verdict=verdict))
    result = StageDone(output=inline(RESULT), summary=summary)
    yield _result("done_with_summary", StageId.PUBLISH, result)
    retry = StageRetry(reason="the site asks for a pause", code="company_site_http_503", after_seconds=30)
    yield _result("retry", StageId.COMPANY, retry)
    yield _result("fail", StageId.RESEARCH, StageFail(code="no_sources", reason="no page said anything"))


def _paid_call() -> Sample:
    call = PaidCall(
        call_id="a1d0c6e83f0b4c7e9d5a2f6b8e1c4a90",
        job_id=JOB_ID,
        stage=StageId.RESEARCH,
        run=1,
        round=2,
        attempt=1,
        kind="model",
        key="9f86d081884c7d659a2feaa0c55ad015",
        name="SelectQuotes 9f86d081",
        provider="gemini/gemini-2.5-flash",
        state="done",
        at=END,
        reserved_micros=48_000,
        cost_micros=7_125,
        input_tokens=4_100,
        output_tokens=305,
    )
    return Sample("stage_paid_call", call, PaidCall, subjects.result(JOB_ID, StageId.RESEARCH))


EVENT: dict[str, Any] = {"job_id": JOB_ID, "at": END, "tenant": "default", "batch_id": "spring"}
STAGE: dict[str, Any] = {"stage": StageId.RESEARCH, "name": "research", "round": 2, "attempt": 1}
COMPLETED = events.Completed(
    **EVENT,
    seq=31,
    headline=RESULT.headline,
    slug=RESULT.slug,
    word_count=1187,
    quality_score=81.5,
    quality_passed=True,
    duration_seconds=745.25,
)
FAILED = events.Failed(
    **EVENT,
    seq=9,
    error="no page said anything",
    error_code="no_sources",
    stage=StageId.RESEARCH,
    duration_seconds=12.5,
)
CANCELLED = events.Cancelled(**EVENT, seq=4, reason="no longer needed", duration_seconds=3.5)
PUBLIC = (
    events.Submitted(**EVENT, seq=1, primary_keyword="heat pump maintenance", priority=1, run=2),
    events.Started(**EVENT, seq=2, run=2, deadline_at=END),
    events.StageStarted(**EVENT, seq=3, **STAGE),
    events.StageProgress(**EVENT, seq=None, **STAGE, message="search 7 of 24: prices", done=7, total=24),
    events.StageRetrying(
        **EVENT, seq=5, **STAGE, code="site_unreadable", reason="no page answered", delay_seconds=5.125
    ),
    events.StageCompleted(
        **EVENT, seq=6, **STAGE, duration_seconds=61.5, stages_completed=3, progress_percent=23
    ),
    events.QualityRejected(**EVENT, seq=20, round=1, score=71.5, findings=(FINDING,), next_round=2),
    COMPLETED,
    FAILED,
    CANCELLED,
)


def _event(event: Any, suffix: str = "", **more: Any) -> Sample:
    number = events.event_id(event) or "a1d0c6e8-3f0b-4c7e-9d5a-2f6b8e1c4a90"
    headers = events.cloudevents_headers(event, number)
    name = f"event_{events.event_type(event)}{suffix}"
    return Sample(name, event, events.Event, subjects.event(event), headers, **more)


def _events() -> Iterator[Sample]:
    yield from map(_event, PUBLIC)
    late = events.Failed(
        **EVENT, seq=9, error="out of time", error_code="deadline_exceeded", stage=None, duration_seconds=None
    )
    yield _event(late, "_without_stage", variation=True)
    last = events.QualityRejected(**EVENT, seq=50, round=3, score=70, findings=(), next_round=None)
    yield _event(last, "_last_round", variation=True)


def _webhooks() -> Iterator[Sample]:
    article = codec.encode(RESULT).decode()
    for event, result in ((COMPLETED, article), (FAILED, None), (CANCELLED, None)):
        body = webhook_payload(event, result)
        yield Sample(f"webhook_{body.event}", body, WebhookPayload, variation=True)
    step = webhook_payload(PUBLIC[2], None)
    yield Sample("webhook_stage_started", step, WebhookPayload, variation=True)
    yield Sample("webhook_test", webhook_trial(END), WebhookPayload, variation=True)
    yield Sample("webhook_thin", thin_webhook_payload(COMPLETED, "https://api.example"), ThinWebhookPayload)
    yield _asked(
        "replay",
        webhooks.ReplayDeliveries(job_id=JOB_ID, tenant="default", seq=9),
        subjects.REPLAY_DELIVERIES,
    )
    yield Sample("answer_replay", webhooks.Replayed(deliveries=2), webhooks.Replayed)
    yield _asked(
        "try_webhook", webhooks.TryWebhook(tenant="default", url="https://a.example/"), subjects.TRY_WEBHOOK
    )
    tried = webhooks.WebhookTried(reason="http_404", status_code=404, duration_seconds=0.125)
    yield Sample("answer_try_webhook", tried, webhooks.WebhookTried)


def _asked(name: str, question: Any, subject: str) -> Sample:
    return Sample(f"ask_{name}", question, type(question), subject)


def _stages() -> Iterator[Sample]:
    for stage, contract in STAGES.items():
        name = f"{stage}_{stage.field}"
        yield Sample(f"{name}_input", INPUTS[stage], contract.input)
        yield Sample(f"{name}_output", OUTPUTS[stage], contract.output)


JOB_ROW = views.JobRow(
    job_id=JOB_ID,
    tenant="default",
    batch_id="spring",
    state="failed",
    priority=1,
    primary_keyword="heat pump maintenance",
    company_url=REQUEST.company_url,
    language="de-AT",
    country="AT",
    callback_url=REQUEST.callback_url,
    created_at=AT,
    started_at=AT,
    finished_at=END,
    deadline_at=END,
    run=2,
    round=2,
    current_stage="stage_02",
    stages_completed=2,
    total_stages=13,
    progress_percent=15,
    quality_score=71.5,
    error="no page said anything",
    error_code="no_sources",
    error_stage="stage_02",
    eta_at=END,
    last_seq=9,
    max_cost_usd=2.5,
    usage=codec.encode(USAGE).decode(),
)
ROWS = (
    JOB_ROW,
    views.CallbackRow(
        job_id=JOB_ID,
        tenant="default",
        url="https://your-app.example/webhook",
        events="completed,started",
        payload="thin",
        finished_at=END,
    ),
    views.DeliveryRow(
        job_id=JOB_ID,
        tenant="default",
        seq=9,
        event="failed",
        url="https://your-app.example/webhook",
        status="pending",
        attempts=2,
        last_reason="http_503",
        next_attempt_at=END,
        created_at=END,
        delivered_at=END,
        endpoint_disabled="failing",
        endpoint_paused_until=END,
    ),
    views.DeliveryAttemptRow(
        job_id=JOB_ID,
        tenant="default",
        seq=9,
        number=2,
        started_at=END,
        duration_seconds=0.125,
        status_code=503,
        reason="http_503",
    ),
    views.ResultRow(job_id=JOB_ID, tenant="default", result='{"success":true}', created_at=END),
    views.EventRow(job_id=JOB_ID, tenant="default", seq=9, type="failed", at=END, body='{"type":"failed"}'),
    views.DeletedJobRow(job_id=JOB_ID, deleted_at=END),
    views.RefusedSubmissionRow(job_id=JOB_ID, code="undecodable", reason="no JSON", at=END),
    views.StageRunRow(
        job_id=JOB_ID,
        tenant="default",
        stage="stage_02",
        run=2,
        round=2,
        attempt=1,
        status="failed",
        started_at=AT,
        finished_at=END,
        duration_seconds=750,
        worker="worker-7",
        error_code="no_sources",
        error="no page said anything",
    ),
)


def _rows() -> Iterator[Sample]:
    for row in ROWS:
        yield Sample(f"view_{row.VIEW.replace('.', '_')}", row, type(row))


def _answers() -> Iterator[Sample]:
    """What the HTTP API answers."""
    accepted = presenters.accepted(JOB_ID, "spring")
    failed = schemas.FailedJob(
        job_id=JOB_ID,
        primary_keyword="heat pump maintenance",
        error="no page said anything",
        error_code="no_sources",
        error_stage="stage_02",
        failed_at=END,
    )
    counts = {"running": 2, "failed": 1}
    for name, answer in {
        "accepted": accepted,
        "batch_accepted": schemas.BatchAccepted(
            batch_id="spring", total=1, polling_url="/batches/spring", jobs=(accepted,)
        ),
        "status": presenters.job_status(JOB_ROW, codec.encode(RESULT).decode(), AT),
        "status_pending": presenters.job_status(
            presenters.submitted_row(JOB_ID, "default", REQUEST, AT), None, AT
        ),
        "list": presenters.job_page([JOB_ROW], counts, None, 1, 0),
        "batch": presenters.batch_status("spring", [JOB_ROW], counts),
        "statistics": presenters.statistics(counts, 745.25, 3, "data/postgres", AT),
        "errors": schemas.Errors(counts={"no_sources": 1}, jobs=(failed,), total=1),
        "acknowledged": schemas.Acknowledged(
            success=True, job_id=JOB_ID, message="Job cancelled successfully"
        ),
        "events": schemas.EventPage(events=[Raw(codec.encode(event)) for event in PUBLIC[:3]], next_after=3),
        "health": schemas.Health(status="ready", checks={"postgres": "ok", "nats": "ok"}),
    }.items():
        yield Sample(f"answer_{name}", answer, type(answer), variation=True)


def _streams() -> Iterator[Sample]:
    for stream in streams.ALL:
        yield Sample(f"stream_{stream.name.lower()}", stream, streams.Stream, variation=True)


LETTER = DeadLetter(
    message_id="BLOG_STAGES/17/1767520800000000000",
    stream="BLOG_STAGES",
    subject=subjects.stage(StageId.DRAFT, JOB_ID),
    code=DeadLetterCode.UNDECODABLE,
    reason="Input data was truncated",
    payload=b'{"type": "run_st',
    truncated=True,
    headers={"Nats-Msg-Id": f"{JOB_ID}/stage_03/1/1/1"},
    deliveries=1,
    service="stage-workers",
    at=END,
)

BUS = (
    *_commands(),
    _run_stage(),
    Sample("job_cancelled", JobCancelled(job_id=JOB_ID), JobCancelled, subjects.cancelled(JOB_ID)),
    Sample("dead_letter", LETTER, DeadLetter, subjects.dead_letter(LETTER)),
    *_results(),
    _paid_call(),
    *_events(),
)
"""What has a subject."""

CARRIED = (
    Sample("article_request", REQUEST, type(REQUEST)),
    *_stages(),
    *_webhooks(),
    *_rows(),
)
"""What travels inside those, or by another way than the bus."""

MESSAGES = (*BUS, *CARRIED)
ALL = (*MESSAGES, *_answers(), *_streams())
