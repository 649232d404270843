"""The page about states (``docs/states.md``), drawn from the machine's table and the states' own words."""

from __future__ import annotations

import ast
import enum
import inspect
import re
from typing import Any

from contracts.jobs import JobState
from orchestrator.machine import STATES

INTRODUCTION = """# States of a job

Generated from the table `STATES` in `orchestrator/machine.py` and the docstrings of `contracts.jobs.JobState`; a test holds
this page to them. What a state does not take is ignored: it is late, a duplicate, or does not apply."""


def states_page() -> str:
    """Return the page: diagram, table, and each state in its own words."""
    return "\n\n".join((INTRODUCTION, _diagram(), _table(), *_sections())) + "\n"


def member_docs(kind: type[enum.Enum]) -> dict[str, str]:
    """Return the docstrings below an enumeration's members, each on one line; the running program has no other way."""
    [definition] = ast.parse(inspect.getsource(kind)).body
    assert isinstance(definition, ast.ClassDef)  # noqa: S101  the source of a class
    docs = {}
    for member, below in zip(definition.body, definition.body[1:], strict=False):
        match member, below:
            case ast.Assign(targets=[ast.Name(id=name)]), ast.Expr(value=ast.Constant(value=str(text))):
                docs[name] = " ".join(text.split())
    return docs


def sentences(text: str) -> list[str]:
    """Return the sentences of a docstring."""
    return re.split(r"(?<=\.)\s+", text)


def _moves() -> list[tuple[str, str, str]]:
    """Return (from, input, to) of every line of the table; a job that is not there yet has no name."""
    return [
        (str(state or ""), _words(kind), str(target))
        for state, inputs in STATES.items()
        for kind, targets in inputs.items()
        for target in JobState
        if target in targets
    ]


def _words(kind: type[Any]) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind.__name__).lower()


def _diagram() -> str:
    labels: dict[tuple[str, str], list[str]] = {}
    for state, word, target in _moves():
        labels.setdefault((state, target), []).append(word)
    arrows = [
        f"    {state or '[*]'} --> {target}: {', '.join(words)}" for (state, target), words in labels.items()
    ]
    ends = [f"    {state} --> [*]" for state, inputs in STATES.items() if not inputs]
    return "\n".join(("```mermaid", "stateDiagram-v2", *arrows, *ends, "```"))


def _table() -> str:
    rows = [f"| {state or '(unknown)'} | {word} | {target} |" for state, word, target in _moves()]
    return "\n".join(("| from | input | to |", "|---|---|---|", *rows))


def _sections() -> list[str]:
    docs = member_docs(JobState)
    return [f"## {state}\n\n" + "\n".join(sentences(docs[state.name])) for state in JobState]
