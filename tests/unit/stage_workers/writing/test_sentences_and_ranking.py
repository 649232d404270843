import pytest

from stage_workers.extractive.phrases import phrases
from stage_workers.extractive.ranking import alike, scores
from stage_workers.extractive.sentences import heading_leans, is_whole, split, stands_alone
from stage_workers.extractive.tokens import mentions


@pytest.mark.parametrize(
    ("language", "text", "count"),
    [
        ("en", "Heat costs 3.5 units, e.g. in winter. Dr. Grey agrees. Does it pay?", 3),
        ("de", "Das kostet z. B. 3,5 Einheiten. Am 3. März war es kalt.", 2),
        ("fr", "La pâte lève. Elle double en 4 h. Et après ?", 3),
    ],
)
def test_sentences_stand_exactly_in_the_text(language, text, count):
    parts = split(text, language)
    assert len(parts) == count
    assert " ".join(parts) == text


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("A chain lasts longest when clean.", True),
        ("By a workshop hand, changed in spring", False),
        ("and then it was dry again.", False),
        ("Too short.", False),
        ("word " * 60 + "end.", False),
    ],
)
def test_only_whole_sentences_count(text, whole):
    assert is_whole(text) is whole


def test_sentences_that_lean_on_the_one_before_do_not_stand_alone():
    known = phrases("en")
    assert stands_alone("A chain lasts longest when clean.", known)
    assert not stands_alone("This is why it lasts.", known)
    assert not stands_alone("Read the table from the top.", known)
    assert heading_leans("What does it cost?", known)
    assert not heading_leans("What does a chain cost?", known)


def test_the_keyword_is_found_with_other_endings_and_only_as_a_phrase():
    assert mentions("Two heat pumps hum.", "heat pump")
    assert mentions("A heat-pump hums.", "Heat pumps")
    assert not mentions("The pump makes heat.", "heat pump")
    assert not mentions("Anything", "")


def test_the_text_about_the_words_ranks_first():
    texts = ["Wheels are round.", "A chain needs oil.", "Oil the bicycle chain once a week."]
    ranked = scores(texts, "bicycle chain", "en")
    assert ranked.index(max(ranked)) == 2
    assert ranked[0] == 0


def test_ranking_bears_empty_and_foreign_texts():
    assert scores([], "chain", "en") == []
    assert scores(["", "???"], "chain", "xx") == [0.0, 0.0]
    assert scores(["the", "of"], "the", "en")[0] > 0


def test_near_duplicates_are_alike_and_others_are_not():
    assert alike("Wipe the chain every week.", "Wipe the chain, every week!")
    assert not alike("Wipe the chain every week.", "Brake pads last long.")
