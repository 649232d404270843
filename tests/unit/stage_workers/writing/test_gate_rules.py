"""What writers are told of the gate is what the gate checks by."""

import pytest

from stage_workers import keywords, tasks
from stage_workers.extractive import draft
from stage_workers.gates import phrases, texts
from stage_workers.scoring import answer, questions
from stage_workers.written import gate_rules, prompts


@pytest.mark.parametrize("language", ["en", "en-GB", "de-AT", "fr", "es", "it", "nl"])
def test_every_stock_phrase_of_the_language_is_named(language):
    known = phrases.unwanted(language).stock
    told = "\n".join(gate_rules.rules("bicycle chain", language))
    assert known
    assert all(phrase in told for phrase in known)


def test_a_language_without_a_list_has_no_line_on_stock_phrases():
    assert not any("stock" in line for line in gate_rules.rules("cykelkedja", "sv"))


@pytest.mark.parametrize(
    ("place", "name"),
    [
        (texts, "LONGEST_PARAGRAPH"),
        (keywords, "LOWEST_DENSITY"),
        (keywords, "HIGHEST_DENSITY"),
        (answer, "FEWEST_WORDS"),
        (answer, "MOST_WORDS"),
        (questions, "FEWEST_FAQ"),
        (questions, "MOST_FAQ"),
        (questions, "FEWEST_PAA"),
        (questions, "MOST_PAA"),
    ],
)
def test_the_numbers_told_are_the_numbers_checked(monkeypatch, place, name):
    """The gate reads the same constant, so a changed one has to be told."""
    for module in (place, gate_rules):
        if hasattr(module, name):
            monkeypatch.setattr(module, name, 777)
    told = "\n".join((*gate_rules.rules("bicycle chain", "en"), *gate_rules.of_articles()))
    assert told.count("777") == 1


def test_whoever_writes_hears_the_rules(make):
    writing = make.write_draft("bicycle chain", make.bicycle_pages())
    written = draft.compose(writing, "test")
    asked = {"request": writing.request, "prompts": ("Be brief.",), "sources": writing.sources}
    asking = tasks.AnswerQuestions(request=writing.request, draft=written, sources=writing.sources)
    revising = tasks.ReviseSection(passage=written.sections[0], **asked)
    for task in (writing, asking, revising):
        text = prompts.prompt(task).text
        assert "delve into" in text
        assert f"more than {texts.LONGEST_PARAGRAPH} words" in text
    assert "FAQ has" in prompts.prompt(asking).text
    assert "FAQ has" not in prompts.prompt(revising).text
