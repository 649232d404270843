import time

import pytest

from stage_workers.blocks import read
from stage_workers.wording import bare, clip, contains

PAGE = "# Heat\n\nHeat **flows** from warm\nto cold:\n\n- through [walls](/w)\n- through gaps\n\n| a | b |\n|:---|---:|\n| 1 | 2 |\n"


def test_words_are_found_whatever_the_marks_and_line_ends():
    assert contains(PAGE, "Heat flows from warm to cold:")
    assert contains(PAGE, "Heat flows from warm to cold:\n- through walls\n- through gaps")
    assert contains(PAGE, "| a | b |\n| --- | --- |\n| 1 | 2 |")


def test_changed_words_are_not_found():
    assert not contains(PAGE, "Heat flows from cold to warm")
    assert not contains(PAGE, "heat flows from warm to cold:")


def test_clipping_ends_at_a_word_within_the_limit():
    assert clip("one two three", 9) == "one two"
    assert clip("one two", 7) == "one two"
    assert clip("abcdefgh", 3) == "abc"


@pytest.mark.parametrize(
    "text",
    [
        "[" * 200_000,
        "-" * 200_000 + "x",
        " \n" * 100_000,
        "*" * 200_000,
        "#" + " " * 200_000 + "x",
        "1. " * 70_000,
    ],
    ids=["brackets", "dashes", "blank lines", "stars", "heading", "numbers"],
)
def test_hostile_text_is_read_in_bearable_time(text):
    started = time.process_time()
    bare(text)
    read(text)
    assert time.process_time() - started < 2
