"""The page about states says what the code does."""

from __future__ import annotations

import enum
import os
from pathlib import Path

import pytest

from contracts.jobs import TERMINAL_STATES, JobState
from orchestrator.diagram import member_docs, sentences, states_page
from orchestrator.machine import STATES

PAGE = Path(__file__).parents[3] / "docs" / "states.md"


class Season(enum.Enum):
    SPRING = 1
    """It grows.
    It blooms."""
    SUMMER = 2
    AUTUMN = 3
    """It falls."""


def test_the_page_is_current() -> None:
    if os.environ.get("BLOG_WRITER_WRITE_DOCS") == "1":
        PAGE.write_text(states_page())
    assert PAGE.read_text() == states_page(), "run the tests once with BLOG_WRITER_WRITE_DOCS=1"


def test_every_line_of_the_table_is_drawn() -> None:
    page = states_page()
    for state, inputs in STATES.items():
        for kind, targets in inputs.items():
            for target in targets:
                first, *rest = [word.lower() for word in _split(kind.__name__)]
                assert f"| {state or '(unknown)'} | {' '.join([first, *rest])} | {target} |" in page
                assert f"{state or '[*]'} --> {target}: " in page
    assert page.count(" --> [*]") == 2, "completed and cancelled are never left"


def test_every_state_says_who_enters_who_leaves_and_what_a_crash_does() -> None:
    docs = member_docs(JobState)
    assert set(docs) == {state.name for state in JobState}
    for text in docs.values():
        enters, leaves, crash = sentences(text)
        assert enters.startswith("Entered ")
        assert leaves.startswith(("Left ", "Never left"))
        assert crash.startswith("A crash ")


def test_states_that_are_never_left_say_so() -> None:
    docs = member_docs(JobState)
    assert {state for state in TERMINAL_STATES if "Never left." in docs[state.name]} == {
        state for state in JobState if not STATES[state]
    }


def test_docstrings_belong_to_the_member_above_them() -> None:
    assert member_docs(Season) == {"SPRING": "It grows. It blooms.", "AUTUMN": "It falls."}


def _split(name: str) -> list[str]:
    words: list[str] = []
    for letter in name:
        if letter.isupper():
            words.append("")
        words[-1] += letter
    return words


@pytest.mark.parametrize("state", JobState)
def test_every_state_has_a_section(state: JobState) -> None:
    assert f"\n## {state}\n" in states_page()
