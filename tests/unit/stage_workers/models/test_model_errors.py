from datetime import UTC, datetime

import pytest

from stage_workers.adapters.model_errors import refusal
from stage_workers.adapters.retry_after import LONGEST_WAIT
from stage_workers.errors import Permanent, Transient

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def refused(status, body="", key="", **headers):
    return refusal(status, body, headers, provider="model-x", key=key, now=NOW)


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (429, "", Transient, "model_rate_limited"),
        (500, "", Transient, "model_unavailable"),
        (503, "overloaded", Transient, "model_unavailable"),
        (529, "overloaded", Transient, "model_unavailable"),
        (408, "", Transient, "model_timeout"),
        (504, "", Transient, "model_timeout"),
        (401, "", Permanent, "model_key"),
        (403, "", Permanent, "model_key"),
        (400, '{"reason": "API_KEY_INVALID"}', Permanent, "model_key"),
        (404, "", Permanent, "model_unknown"),
        (400, '{"code": "content_filter"}', Permanent, "model_blocked"),
        (400, "bad schema", Permanent, "model_request"),
        (413, "", Permanent, "model_request"),
        (301, "", Permanent, "model_request"),
    ],
)
def test_a_status_means_the_same_with_every_provider(status, body, kind, code):
    error = refused(status, body)
    assert type(error) is kind
    assert error.code == code
    assert str(status) in error.reason
    assert "model-x" in error.reason


@pytest.mark.parametrize(
    ("body", "header", "seconds"),
    [
        ("", "7", 7.0),
        ("", "Mon, 02 Mar 2026 09:01:30 GMT", 90.0),
        ("", "Mon, 02 Mar 2026 08:00:00 GMT", 0.0),
        ("", "99999999", LONGEST_WAIT),
        ("", "soon", None),
        ("", "-5", None),
        ('{"@type": "google.rpc.RetryInfo", "retryDelay": "34.5s"}', "", 34.5),
        ('{"retryDelay": "34s"}', "7", 7.0),
        ("", "", None),
    ],
)
def test_the_time_to_wait_is_read_in_every_form(body, header, seconds):
    headers = {"Retry-After": header} if header else {}
    assert refused(429, body, **headers).after_seconds == seconds


def test_a_key_that_the_provider_says_back_is_hidden():
    assert "sk-12345" not in refused(401, "Incorrect API key provided: sk-12345", "sk-12345").reason


def test_a_long_body_is_cut():
    assert len(refused(400, "x" * 100_000).reason) <= 500
