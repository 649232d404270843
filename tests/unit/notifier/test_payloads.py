"""The webhook's body says what the job's last event and its result say."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, get_args

import pytest

from contracts import codec
from contracts.events import (
    STEP_EVENTS,
    TERMINAL_EVENTS,
    Cancelled,
    Completed,
    Event,
    Failed,
    StageStarted,
    Submitted,
)
from contracts.ids import JobId
from contracts.jobs import DEFAULT_CALLBACK_EVENTS, CallbackEvent
from contracts.stages import StageId
from notifier.payloads import Wish, host_of, payload, thin, webhook

ABOUT: dict[str, Any] = {
    "job_id": JobId("550e8400-e29b-41d4-a716-446655440000"),
    "seq": 41,
    "at": datetime(2025, 3, 1, 12, 0, tzinfo=UTC),
    "tenant": "default",
    "batch_id": "spring",
}
COMPLETED = Completed(
    **ABOUT,
    headline="H",
    slug="h",
    word_count=900,
    quality_score=81.5,
    quality_passed=True,
    duration_seconds=9,
)


def body(event: Event, result: str | None) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(codec.encode(payload(event, result)))
    return parsed


def test_a_completed_job_brings_its_article_unchanged() -> None:
    article = '{"headline":"H","score":81.50,"html":"<p>é</p>"}'
    assert f'"result":{article}'.encode() in codec.encode(payload(COMPLETED, article))
    assert body(COMPLETED, article) == {
        "event": "completed",
        "job_id": ABOUT["job_id"],
        "status": "completed",
        "seq": 41,
        "timestamp": "2025-03-01T12:00:00Z",
        "batch_id": "spring",
        "result": json.loads(article),
        "error": None,
        "error_code": None,
        "details": None,
    }


def test_a_failed_job_brings_its_error_and_no_article_of_an_earlier_run() -> None:
    failed = Failed(**ABOUT, error="no sources", error_code="no_sources", stage=None, duration_seconds=3)
    assert body(failed, '{"headline":"old"}') | {"timestamp": ""} == {
        "event": "failed",
        "job_id": ABOUT["job_id"],
        "status": "failed",
        "seq": 41,
        "timestamp": "",
        "batch_id": "spring",
        "result": None,
        "error": "no sources",
        "error_code": "no_sources",
        "details": None,
    }


def test_a_cancelled_job_has_neither() -> None:
    found = body(Cancelled(**ABOUT), None)
    assert (found["status"], found["result"], found["error"]) == ("cancelled", None, None)


STAGE_STARTED = StageStarted(**ABOUT, stage=StageId.RESEARCH, name="research", round=1, attempt=1)


def test_a_step_brings_the_event_itself_and_the_job_s_state() -> None:
    found = body(STAGE_STARTED, '{"headline":"old"}')
    assert (found["event"], found["status"], found["result"]) == ("stage_started", "running", None)
    assert found["details"] == json.loads(codec.encode(STAGE_STARTED))
    assert body(Submitted(**ABOUT, primary_keyword="k", priority=2), None)["status"] == "pending"


def test_a_thin_webhook_has_identifiers_and_links_and_nothing_else() -> None:
    job = f"https://api.example/jobs/{ABOUT['job_id']}"
    assert json.loads(codec.encode(thin(COMPLETED, "https://api.example/"))) == {
        "event": "completed",
        "job_id": ABOUT["job_id"],
        "status": "completed",
        "seq": 41,
        "timestamp": "2025-03-01T12:00:00Z",
        "batch_id": "spring",
        "links": {"status": f"{job}/status", "events": f"{job}/events", "article": f"{job}/article"},
    }


def test_a_wish_decides_between_the_two() -> None:
    article = '{"headline":"H"}'
    full, little = Wish.of("https://a", None, "full"), Wish.of("https://a", "completed,started", "thin")
    assert full.events == set(DEFAULT_CALLBACK_EVENTS)
    assert little.events == {"completed", "started"}
    assert b'"headline"' in webhook(COMPLETED, full, article, "").body
    assert b'"headline"' not in webhook(COMPLETED, little, article, "").body


def test_every_event_with_a_seq_can_be_asked_for() -> None:
    assert set(get_args(CallbackEvent)) == {*TERMINAL_EVENTS, *STEP_EVENTS}
    assert DEFAULT_CALLBACK_EVENTS == TERMINAL_EVENTS


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://Hooks.Example/a?b", "hooks.example"),
        ("http://user:word@hooks.example:8080/", "hooks.example:8080"),
        ("http://[::1]:9/x", "[::1]:9"),
        ("http://[broken/x", "http://[broken/x"),
    ],
)
def test_the_host_is_what_the_url_names(url: str, host: str) -> None:
    assert host_of(url) == host
