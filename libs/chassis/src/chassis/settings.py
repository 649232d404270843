"""Settings: an environment becomes one frozen Struct, and what is wrong is named by variable."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from enum import Enum
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from chassis.errors import SettingsError

T = TypeVar("T", bound=msgspec.Struct)

_SECRET = re.compile(r"KEY|SECRET|PASSWORD|TOKEN|URL|DSN")


def load(kind: type[T], env: Mapping[str, str], prefix: str = "BLOG_WRITER_") -> T:
    """Return settings of type ``kind`` read from ``env``.

    Field ``max_concurrent`` is read from ``<prefix>MAX_CONCURRENT``; the class attribute ``ENV`` maps a field to
    another whole name. An empty variable counts as unset. Tuples are comma separated lists. Raises SettingsError
    that names every variable that is missing or wrong, and what is allowed; it never shows the value of a secret.
    """
    names = variables(kind, prefix)
    hints = get_type_hints(kind, include_extras=True)
    values: dict[str, Any] = {}
    problems = []
    for field in msgspec.structs.fields(kind):
        text = env.get(names[field.name], "").strip()
        if text:
            try:
                values[field.name] = _convert(text, hints[field.name])
            except msgspec.ValidationError as error:
                reason = _choices(hints[field.name]) or str(error)
                problems.append(_problem(names[field.name], text, reason))
        elif field.required:
            problems.append(f"{names[field.name]} is not set")
    if problems:
        raise SettingsError("; ".join(problems))
    return kind(**values)


def variables(kind: type[msgspec.Struct], prefix: str = "BLOG_WRITER_") -> dict[str, str]:
    """Return the name of the variable that each field is read from."""
    named: Mapping[str, str] = getattr(kind, "ENV", {})
    return {field: named.get(field, prefix + field.upper()) for field in kind.__struct_fields__}


def _convert(text: str, kind: Any) -> Any:
    value: Any = [part.strip() for part in text.split(",") if part.strip()] if _is_list(kind) else text
    converted = msgspec.convert(value, kind, strict=False)
    for number in converted if isinstance(converted, tuple) else (converted,):
        if isinstance(number, float) and not math.isfinite(number):
            raise msgspec.ValidationError("Expected a finite number")
    return converted


def _is_list(kind: Any) -> bool:
    """Whether a tuple is wanted, perhaps inside Annotated or Optional."""
    return get_origin(kind) is tuple or any(_is_list(argument) for argument in get_args(kind)[:1])


def _choices(kind: Any) -> str:
    """Name the allowed values if ``kind`` has an enum or a Literal in it."""
    if get_origin(kind) is Literal:
        return "use " + ", ".join(map(str, get_args(kind)))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return "use " + ", ".join(str(member.value) for member in kind)
    return next(filter(None, map(_choices, get_args(kind))), "")


def _problem(variable: str, text: str, reason: str) -> str:
    shown = "its value" if _SECRET.search(variable) else repr(text)
    return f"{variable}: {shown} is not allowed: {reason[0].lower()}{reason[1:]}"
