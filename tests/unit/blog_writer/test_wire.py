"""What the clients say and hear, without a connection."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blog_writer import wire
from contracts.jobs import ArticleRequest


def heard(text: str, last: str = "") -> tuple[list[Any], str]:
    lines = wire.EventLines(last)
    events = [lines.take(line) for line in text.split("\n")]
    return [event for event in events if event is not None], lines.last


def test_an_event_is_whole_at_the_empty_line_and_its_id_is_kept() -> None:
    assert heard('id: 3\nevent: started\ndata: {"a": 1}\n\n') == ([{"a": 1}], "3")
    assert heard('data: {"a":\ndata: 1}\n\n: still here\n\n', "7") == ([{"a": 1}], "7")
    assert heard('data: {"a": 1}') == ([], "")


def test_what_a_broken_connection_left_unfinished_is_dropped() -> None:
    lines = wire.EventLines("1")
    lines.take('data: {"a":')
    lines.begin()
    assert [lines.take(line) for line in ('data: {"b": 2}', "")] == [None, {"b": 2}]


@given(st.integers(0, 10_000))
def test_pauses_grow_and_have_an_end(failures: int) -> None:
    assert 0.1 <= wire.pause(failures) <= wire.pause(failures + 1) <= 5.0


@given(st.integers(0, 10_000), st.floats(0, 99.9))
def test_looks_come_at_once_at_first_and_not_after_the_end(asked: int, passed: float) -> None:
    assert 0 < wire.until_next_look("j", asked, passed, 100) <= 100 - passed
    assert wire.until_next_look("j", 0, 0, None) == pytest.approx(0.1)
    with pytest.raises(TimeoutError, match="job j has not ended within 100 s"):
        wire.until_next_look("j", asked, 100, 100)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b"null", b"\xff"])
def test_an_error_whose_body_says_nothing_is_still_a_refusal(body: bytes) -> None:
    refusal = wire.refusal(httpx.Response(502, content=body))
    assert (refusal.status, refusal.code, str(refusal)) == (502, "unknown", "Bad Gateway [502 unknown]")


def test_a_typed_request_says_the_same_as_its_fields() -> None:
    fields = {"primary_keyword": "energy", "company_url": "https://example.com"}
    assert wire.body(ArticleRequest(**fields)) == wire.body(fields) == fields
    assert wire.batch_body([fields], "spring") == {"jobs": [fields], "batch_id": "spring"}


def test_the_key_goes_to_the_gateway_and_to_nobody_else() -> None:
    add = wire.options("https://gateway.test", "secret")["auth"]
    own = add(httpx.Request("GET", "https://gateway.test/jobs"))
    other = add(httpx.Request("GET", "https://files.test/jobs"))
    plain = add(httpx.Request("GET", "http://gateway.test/jobs"))
    assert own.headers["authorization"] == "Bearer secret"
    assert "authorization" not in other.headers
    assert "authorization" not in plain.headers
