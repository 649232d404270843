"""Contracts only grow: old readers read new messages, new readers read old ones."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_messages import BUS, JOB_ID, Sample
from sample_walk import as_json, default_values

from contracts import codec
from contracts.commands import JobCancelled, RunStage
from contracts.results import StageResult

FROM_THE_FUTURE = {"added_later": {"type": "unknown", "deep": [1, {"er": None}]}, "another": "x"}


def read(data: bytes, kind: Any) -> Any:
    return codec.decode(data, kind)


def written(value: Any) -> Any:
    """What a value says, whatever the layout of raw JSON in it."""
    return json.loads(codec.encode(value))


def test_a_message_that_was_written_is_read_as_it_was(message: Sample) -> None:
    assert read(codec.encode(message.value), message.kind) == message.value


def test_old_readers_skip_fields_that_were_added_at_any_depth(message: Sample) -> None:
    grown = as_json(message.value, extra=FROM_THE_FUTURE)
    assert grown != as_json(message.value)
    assert written(read(codec.encode(grown), message.kind)) == written(message.value)


def test_new_readers_fill_in_fields_that_old_writers_do_not_know(message: Sample) -> None:
    old = as_json(message.value, required_only=True)
    read_back = read(codec.encode(old), message.kind)
    assert type(read_back) is type(message.value)
    assert as_json(read_back, required_only=True) == old
    for name, default in default_values(type(read_back)).items():
        assert getattr(read_back, name) == default


@pytest.mark.parametrize("tag", ["no_such_thing", 7, None])
def test_an_unknown_tag_is_named_in_the_error(sent: Sample, tag: Any) -> None:
    body = {**as_json(sent.value), "type": tag}
    with pytest.raises(msgspec.ValidationError, match=r"no_such_thing|Expected `str`") as caught:
        read(codec.encode(body), sent.kind)
    assert "$.type" in str(caught.value)


def test_a_message_without_a_tag_where_one_is_needed_is_refused() -> None:
    for decode in (codec.decode_command, codec.decode_event):
        with pytest.raises(msgspec.ValidationError, match="missing required field `type`"):
            decode(codec.encode({"job_id": JOB_ID}))


def test_an_unknown_outcome_is_named_in_the_error() -> None:
    result = next(sample for sample in BUS if sample.name == "stage_result_fail")
    body = as_json(result.value)
    body["outcome"]["type"] = "paused"
    with pytest.raises(msgspec.ValidationError, match=r"'paused' - at `\$\.outcome\.type`"):
        codec.decode(codec.encode(body), StageResult)


DECODERS = {
    "command": codec.decode_command,
    "event": codec.decode_event,
    "run_stage": lambda data: codec.decode(data, RunStage),
    "stage_result": lambda data: codec.decode(data, StageResult),
    "job_cancelled": lambda data: codec.decode(data, JobCancelled),
}


@pytest.mark.parametrize("name", DECODERS)
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b'"submit"',
        b"{}",
        b"{",
        b"\xff\xfe",
        b'{"type": "\xff"}',
        b'{"x":' + b"[" * 50_000,
    ],
    ids=["empty", "null", "array", "string", "object", "cut off", "binary", "no UTF-8", "nested"],
)
def test_what_is_no_message_is_a_decode_error(name: str, data: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        DECODERS[name](data)


@given(data=st.binary(max_size=200))
def test_any_bytes_at_all_give_a_decode_error(data: bytes) -> None:
    for decode in DECODERS.values():
        with pytest.raises(msgspec.DecodeError):
            decode(data)


@pytest.mark.parametrize(
    "job_id", ["", "7", "a.b", "*", ">", JOB_ID.upper(), JOB_ID + "\n", " " + JOB_ID, f"{JOB_ID}.x", "x" * 36]
)
def test_a_message_about_a_job_id_that_is_none_is_refused(sent: Sample, job_id: str) -> None:
    if "job_id" not in sent.value.__struct_fields__:
        return
    body = {**as_json(sent.value), "job_id": job_id}
    with pytest.raises(msgspec.ValidationError, match=r"\$\.job_id"):
        read(codec.encode(body), sent.kind)


def test_what_fits_is_kept_in_order_and_what_does_not_is_left_out() -> None:
    items = ("aaaa", "b" * 50, "cc", "dd")
    assert codec.fitting(items, 18) == ("aaaa", "cc")
    for limit in range(2, 90):
        assert len(codec.encode(codec.fitting(items, limit))) <= limit
    assert codec.fitting(items, 1000) == items
