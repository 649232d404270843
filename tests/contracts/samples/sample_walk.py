"""Walks through samples and the package they are made from."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import NODEFAULT, UNSET

import contracts


def contract_types() -> set[type[msgspec.Struct]]:
    """Return all Structs that the package ``contracts`` defines."""
    modules = [
        importlib.import_module(f"contracts.{each.name}") for each in pkgutil.iter_modules(contracts.__path__)
    ]
    return {
        each
        for module in modules
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, msgspec.Struct) and each.__module__ == module.__name__
    }


def structs(value: Any) -> Iterator[msgspec.Struct]:
    """Yield every Struct in ``value``, itself included."""
    if isinstance(value, msgspec.Struct):
        yield value
        for name in value.__struct_fields__:
            yield from structs(getattr(value, name))
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from structs(each)
    elif isinstance(value, dict):
        for each in value.values():
            yield from structs(each)


def defaulted(value: msgspec.Struct) -> Iterator[str]:
    """Yield the fields of ``value`` that hold what they would hold if they were left out."""
    for name, default in default_values(type(value)).items():
        if getattr(value, name) == default:
            yield name


def default_values(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """Return what each field that may be left out then is."""
    return {
        field.name: field.default if field.default is not NODEFAULT else field.default_factory()
        for field in msgspec.structs.fields(kind)
        if not field.required
    }


def as_json(value: Any, *, extra: dict[str, Any] | None = None, required_only: bool = False) -> Any:
    """Return ``value`` as JSON's types, with fields added to each Struct in it or without those that have defaults."""
    if isinstance(value, msgspec.Struct):
        return _object(value, extra or {}, required_only)
    if isinstance(value, (list, tuple)):
        return [as_json(each, extra=extra, required_only=required_only) for each in value]
    if isinstance(value, dict):
        return {key: as_json(each, extra=extra, required_only=required_only) for key, each in value.items()}
    if isinstance(value, msgspec.Raw):
        return msgspec.json.decode(value)
    return msgspec.to_builtins(value)


def _object(value: msgspec.Struct, extra: dict[str, Any], required_only: bool) -> dict[str, Any]:
    config = value.__struct_config__
    tag = {} if config.tag is None else {config.tag_field: config.tag}
    fields = {
        field.encode_name: as_json(getattr(value, field.name), extra=extra, required_only=required_only)
        for field in msgspec.structs.fields(value)
        if getattr(value, field.name) is not UNSET and (field.required or not required_only)
    }
    return {**extra, **tag, **fields}
