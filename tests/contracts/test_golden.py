"""Every message has a golden file, and is written exactly as it says.

``BLOG_WRITER_WRITE_GOLDEN=1`` writes the files anew.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import msgspec
from sample_messages import ALL, MESSAGES, Sample
from sample_walk import contract_types, default_values, defaulted, structs

from contracts import codec, events, stages, streams, views
from contracts.articles import Part

GOLDEN = Path(__file__).with_name("golden")

NO_MESSAGES = {
    Part: "base of the article's parts",
    events.JobEvent: "base of the events",
    views.View: "base of the rows",
    stages.StageContract: "a pair of types, which never leaves the process",
}


def golden_text(sample: Sample) -> str:
    body = json.loads(codec.encode(sample.value))
    facts: dict[str, Any] = {"subject": sample.subject, "headers": sample.headers, "body": body}
    shown = {name: fact for name, fact in facts.items() if fact is not None}
    return json.dumps(shown, indent=2, ensure_ascii=False) + "\n"


def check(name: str, text: str) -> None:
    path = GOLDEN / f"{name}.json"
    if os.environ.get("BLOG_WRITER_WRITE_GOLDEN") == "1":
        path.write_text(text)
    assert path.read_text() == text


def test_a_message_is_written_as_its_golden_file_says(sample: Sample) -> None:
    check(sample.name, golden_text(sample))


def test_what_may_be_left_out_of_a_message_and_what_it_then_means_stays_as_it_was() -> None:
    """A field that turns into a required one, or a new one without a default, would stop readers of old messages."""
    kinds = sorted(contract_types() - set(NO_MESSAGES), key=lambda kind: kind.__name__)
    shown = {kind.__name__: fields_of(kind) for kind in kinds}
    assert len(shown) == len(kinds)
    check("defaults", json.dumps(shown, indent=2) + "\n")


def fields_of(kind: type[msgspec.Struct]) -> dict[str, Any]:
    defaults = default_values(kind)
    required = [name for name in kind.__struct_fields__ if name not in defaults]
    return {"required": required, "defaults": json.loads(codec.encode(defaults))}


def test_a_golden_file_is_read_as_its_message(message: Sample) -> None:
    body = json.loads((GOLDEN / f"{message.name}.json").read_text())["body"]
    read_back = codec.decode(codec.encode(body), message.kind)
    assert type(read_back) is type(message.value)
    assert json.loads(codec.encode(read_back)) == body


def test_every_golden_file_is_a_message() -> None:
    names = ["defaults", *(sample.name for sample in ALL)]
    assert sorted(path.stem for path in GOLDEN.iterdir()) == sorted(names)


def test_every_type_of_the_contracts_is_in_a_golden_file() -> None:
    shown = {type(each) for sample in ALL for each in structs(sample.value)}
    assert contract_types() - shown - set(NO_MESSAGES) == set()


def test_every_field_of_a_message_is_filled_in(message: Sample) -> None:
    if not message.variation:
        assert list(defaulted(message.value)) == []


def test_every_field_of_every_part_is_filled_in_somewhere() -> None:
    unfilled: dict[type[msgspec.Struct], set[str]] = {}
    for sample in MESSAGES:
        for each in structs(sample.value):
            empty = set(defaulted(each))
            unfilled[type(each)] = unfilled.get(type(each), empty) & empty
    assert {kind.__name__: names for kind, names in unfilled.items() if names} == {}


def test_a_stream_is_written_with_its_consumers() -> None:
    consumers = [
        consumer["durable"]
        for stream in streams.ALL
        for consumer in json.loads((GOLDEN / f"stream_{stream.name.lower()}.json").read_text())["body"][
            "consumers"
        ]
    ]
    assert len(consumers) == len(streams.ALL) - 1 + len(stages.StageId) + 1  # events have two
