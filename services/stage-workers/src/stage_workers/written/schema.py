"""JSON schemas of answers, in the part of JSON schema that all providers understand.

References are put in place, a tagged union becomes one object with all fields of its members, and bounds that
providers refuse are left out: answers are checked against the type itself anyway.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

_KEPT = ("type", "description", "enum")
_MOST_DEPTH = 40

Schema = dict[str, Any]


def schema_of(kind: Any, without: Collection[str] = ()) -> Schema:
    """Return the schema of ``kind``; the fields ``without`` are left out of its outermost object."""
    whole = msgspec.json.schema(kind)
    schema = _plain(whole, whole.get("$defs", {}), _MOST_DEPTH)
    if not without:
        return schema
    kept = {name: each for name, each in schema["properties"].items() if name not in without}
    required = [name for name in schema["required"] if name not in without]
    return {**schema, "properties": kept, "required": required}


def _plain(node: Schema, defs: Mapping[str, Schema], depth: int) -> Schema:
    if not depth:
        raise ValueError("a type that holds itself has no schema without references")
    if "$ref" in node:
        return _plain(defs[node["$ref"].rpartition("/")[2]], defs, depth - 1)
    if "anyOf" in node:
        return _choice([_plain(each, defs, depth - 1) for each in node["anyOf"]])
    plain = {name: node[name] for name in _KEPT if name in node}
    if "enum" in plain:
        plain.setdefault("type", "string")
    if isinstance(node.get("items"), dict):
        plain["items"] = _plain(node["items"], defs, depth - 1)
    if "properties" in node:
        fields = node["properties"].items()
        plain["properties"] = {name: _plain(each, defs, depth - 1) for name, each in fields}
        plain["required"] = list(node.get("required", ()))
    return plain


def _choice(members: Sequence[Schema]) -> Schema:
    """Return one schema for several: ``null`` makes it nullable, objects are laid over one another."""
    real = [each for each in members if each.get("type") != "null"]
    if len(real) == 1:
        chosen = real[0]
    elif all(each.get("type") == "object" for each in real):
        chosen = _merged(real)
    else:
        raise ValueError("only objects can stand for one another in an answer")
    return {**chosen, "nullable": True} if len(real) < len(members) else chosen


def _merged(objects: Sequence[Schema]) -> Schema:
    """Lay objects over one another: every field is there, those that all of them need are required."""
    fields: dict[str, Schema] = {}
    for each in objects:
        for name, field in each["properties"].items():
            fields[name] = _joined(fields[name], field) if name in fields else field
    needed = [name for name in objects[0]["required"] if all(name in each["required"] for each in objects)]
    needs = (f"{_tag(each)}: {', '.join(each['required'])}" for each in objects)
    description = f"Fields that are needed, by type: {'; '.join(needs)}"
    return {"type": "object", "description": description, "properties": fields, "required": needed}


def _joined(one: Schema, other: Schema) -> Schema:
    """Return one field for two: both lists of values when they are such lists, else the later one."""
    return {**one, "enum": one["enum"] + other["enum"]} if "enum" in one and "enum" in other else other


def _tag(member: Schema) -> str:
    return str(member["properties"].get("type", {}).get("enum", ["any"])[0])
