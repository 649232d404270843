"""Names for addresses, and texts cut where it reads well."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stage_workers.slugs import LONGEST, slug, unique
from stage_workers.wording import clip, clip_clause


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("Energy efficiency", "energy-efficiency"),
        ("  Wärmepumpe & Größe!  ", "waermepumpe-groesse"),
        ("Cafe\u0301 au lait", "cafe-au-lait"),
        ("Œuvre, Ærø, Łódź, Åland", "oeuvre-aero-lodz-aaland"),
        ("100 % solar?", "100-solar"),
        ("ночь", "article"),
        ("", "article"),
        ("---", "article"),
        ("../../etc/passwd", "etc-passwd"),
    ],
)
def test_a_slug_is_plain_and_never_empty(text, made):
    assert slug(text) == made


def test_a_long_slug_is_cut_at_a_word():
    made = slug("word " * 40)
    assert len(made) <= LONGEST
    assert made.endswith("-word")
    assert len(slug("x" * 200)) == LONGEST


@given(st.text())
def test_every_slug_can_stand_in_an_address(text):
    made = slug(text)
    assert 0 < len(made) <= LONGEST
    assert set(made) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert made == made.strip("-")
    assert slug(made) == made


@pytest.mark.parametrize(
    ("taken", "made"), [((), "chain"), (("chain",), "chain-2"), (("chain", "chain-2", "chain-4"), "chain-3")]
)
def test_a_slug_that_is_taken_gets_a_number(taken, made):
    assert unique("chain", taken) == made


@given(st.text(), st.integers(1, 60))
def test_a_cut_text_is_a_beginning_and_short_enough(text, limit):
    for cut in (clip(text, limit), clip_clause(text, limit)):
        assert len(cut) <= limit or cut == text
        assert text.startswith(cut)


@pytest.mark.parametrize(
    ("text", "limit", "cut"),
    [
        ("one two three", 13, "one two three"),
        ("one two three", 12, "one two"),
        ("one two three", 7, "one two"),
        ("one two, three", 9, "one two"),
        ("one two – three", 10, "one two"),
        ("unbreakable", 5, "unbre"),
    ],
)
def test_a_text_is_cut_at_a_words_end(text, limit, cut):
    assert clip(text, limit) == cut


@pytest.mark.parametrize(
    ("text", "limit", "cut"),
    [
        ("Oil the chain, then wipe it with a rag.", 30, "Oil the chain, then wipe it"),
        ("Wash it with warm water, then wipe it.", 30, "Wash it with warm water"),
        ("It was washed. Then it was wiped dry.", 20, "It was washed."),
        ("Version 3.11 of it, and the next one.", 24, "Version 3.11 of it"),
        ("Short enough.", 30, "Short enough."),
        ("Wash it with warm water; wipe it.", 24, "Wash it with warm water"),
        ("Wash it with warm water – wipe it.", 24, "Wash it with warm water"),
    ],
)
def test_a_text_is_cut_at_a_clause_that_keeps_most_of_it(text, limit, cut):
    assert clip_clause(text, limit) == cut
