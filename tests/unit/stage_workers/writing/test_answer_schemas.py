from typing import Any

import msgspec
import pytest

from contracts.articles import Draft
from stage_workers import tasks
from stage_workers.written.schema import schema_of

REFUSED = {
    "$ref",
    "$defs",
    "anyOf",
    "oneOf",
    "discriminator",
    "pattern",
    "default",
    "title",
    "minLength",
    "const",
}


def nodes(schema):
    """Every schema inside a schema, itself included; names of fields are no keywords."""
    yield schema
    if "items" in schema:
        yield from nodes(schema["items"])
    for each in schema.get("properties", {}).values():
        yield from nodes(each)


@pytest.mark.parametrize("task", tasks.Task.__subclasses__(), ids=lambda task: task.__name__)
def test_the_schema_of_every_answer_has_only_words_that_all_providers_know(task):
    found = list(nodes(schema_of(task.RESULT)))
    assert len(found) > 1
    for node in found:
        assert not REFUSED & node.keys()
        assert node["type"] in {"object", "array", "string", "integer", "number", "boolean"}


def test_a_tagged_union_becomes_one_object_that_names_what_each_kind_needs():
    block = schema_of(Draft)["properties"]["sections"]["items"]["properties"]["blocks"]["items"]
    assert sorted(block["properties"]["type"]["enum"]) == ["list", "paragraph", "table"]
    assert {"sentences", "items", "rows"} <= block["properties"].keys()
    assert block["required"] == ["type"]
    assert "paragraph: type, sentences" in block["description"]


def test_what_may_be_null_is_called_nullable():
    class Maybe(msgspec.Struct):
        word: str | None
        number: int

    schema = schema_of(Maybe)
    assert schema["properties"]["word"] == {"type": "string", "nullable": True}
    assert schema["required"] == ["word", "number"]


def test_fields_that_are_known_are_not_asked_for():
    schema = schema_of(Draft, {"generator", "headline"})
    assert not {"generator", "headline"} & schema["properties"].keys()
    assert "headline" not in schema["required"]
    assert "teaser" in schema["required"]


def test_a_choice_that_no_provider_can_be_told_is_refused():
    class Either(msgspec.Struct):
        value: int | str

    with pytest.raises(ValueError, match="only objects"):
        schema_of(Either)


def test_a_type_that_holds_itself_is_refused():
    with pytest.raises(ValueError, match="holds itself"):
        schema_of(Endless)


class Endless(msgspec.Struct):
    inner: tuple["Endless", ...]
    any: dict[str, Any] = {}
