"""Two articles are alike when their names are, or when they hold the same runs of words."""

import random

import msgspec
import pytest

from contracts.articles import ArticleReference, Finding, RoundReport
from stage_workers.rounds import history
from stage_workers.similarity import DUPLICATE, by_text, fingerprint, known, most_similar, of_text

WORDS = [f"word{number}" for number in range(4000)]


def text(seed, count=900):
    return random.Random(seed).choices(WORDS, k=count)  # noqa: S311  words, not secrets


def likeness(one, other):
    return by_text(of_text(" ".join(one)), of_text(" ".join(other)))


@pytest.mark.parametrize("shared", [0.0, 0.25, 0.5, 0.75, 1.0])
def test_the_likeness_of_texts_is_about_the_share_of_words_that_both_hold(shared):
    for seed in range(5):
        one, other = text(seed), text(seed + 100)
        cut = round(shared * len(one))
        assert likeness(one, [*one[:cut], *other[cut:]]) == pytest.approx(100 * shared, abs=16)


def test_order_of_paragraphs_hardly_counts_and_case_does_not():
    one = text(1)
    assert likeness(one, [*one[450:], *one[:450]]) > 95
    assert likeness(one, [word.upper() for word in one]) == 100


@pytest.mark.parametrize("other", ["", "00af", of_text(""), of_text("two words")])
def test_what_is_no_fingerprint_or_one_of_nothing_is_like_nothing(other):
    assert by_text(of_text(" ".join(text(1))), other) == 0
    assert by_text(other, other) == 0


def test_a_fingerprint_is_the_same_in_every_process_and_of_one_length():
    assert of_text("a bicycle chain lasts").count("0000") == 126
    assert len(of_text("a bicycle chain lasts")) == 512
    assert of_text("a bicycle chain lasts").strip("0") == of_text("A bicycle, chain: LASTS!").strip("0")


def test_an_earlier_article_under_another_name_with_the_same_text_is_found(make):
    article = make.article()
    earlier = ArticleReference(
        slug="saddles", headline="Saddles", primary_keyword="saddle", fingerprint=fingerprint(article)
    )
    found = most_similar(article, make.keyword, known(("gears",), (), (earlier,)))
    assert (found.percent, found.name) == (100.0, "saddles")
    other = msgspec.structs.replace(earlier, fingerprint=of_text(" ".join(text(3))))
    assert most_similar(article, make.keyword, known((), (), (other,))).percent < DUPLICATE


def test_phrases_that_claim_nothing_make_no_articles_alike(make):
    article = make.article()
    lead = make.sentence(
        "What do the sources say about it, in their own words and no others?", connective=True
    )
    led = msgspec.structs.replace(article.draft, intro=(lead, *article.draft.intro))
    assert fingerprint(msgspec.structs.replace(article, draft=led)) == fingerprint(article)


def report(number, score, *codes, changes=()):
    findings = tuple(Finding(code=code, message="") for code in codes)
    return RoundReport(round=number, score=score, passed=False, findings=findings, changes=changes)


def test_the_history_of_rounds_says_what_changed():
    rounds = (
        report(1, 70, "long_paragraph", "lists"),
        report(2, 81.5, "lists", "stock_phrase", "stock_phrase", changes=("took another answer",)),
        report(3, 90, "lists"),
    )
    told = history(rounds)
    assert [each.changes for each in told] == [
        (),
        ("took another answer", "score 70 became 81.5", "solved: long_paragraph", "new: stock_phrase"),
        ("score 81.5 became 90", "solved: stock_phrase"),
    ]
    assert [msgspec.structs.replace(each, changes=()) for each in told] == [
        msgspec.structs.replace(each, changes=()) for each in rounds
    ]
    assert history(()) == ()
