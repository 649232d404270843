"""The AEO score: every part at full points, at none, and where it begins and ends to count."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.articles import (
    Article,
    Author,
    BulletList,
    Citation,
    Draft,
    Paragraph,
    QuestionAnswer,
    Section,
    Sentence,
    Table,
)
from contracts.stages import CompanyOutput
from stage_workers import scoring
from stage_workers.scoring.material import Material

MAXIMA = {
    "direct_answer_present": 10,
    "direct_answer_length": 5,
    "direct_answer_keyword": 5,
    "direct_answer_cited": 5,
    "faq_items": 10,
    "paa_items": 5,
    "question_headings": 5,
    "citation_form": 5,
    "citation_match": 5,
    "citation_spread": 5,
    "conversational": 6,
    "direct_statements": 5,
    "question_patterns": 4,
    "lists": 5,
    "headings": 5,
    "experience": 4,
    "expertise": 4,
    "author_url": 4,
    "trustworthy_sources": 3,
}


def points(material):
    return {part.name: part.points for part in scoring.score(material)}


def answer_of(make, words):
    text = " ".join(["bicycle", "chain", *["word"] * (words - 3), "end."])
    return (make.sentence(text),)


def test_the_parts_are_those_of_the_table_and_add_up_to_a_hundred(make):
    parts = scoring.score(make.material())
    assert {part.name: part.maximum for part in parts} == MAXIMA
    assert sum(MAXIMA.values()) == 100


def test_a_good_article_gets_all_points_and_the_total_is_their_sum(make):
    parts = scoring.score(make.material())
    assert {part.name: part.points for part in parts} == MAXIMA
    assert scoring.total(parts) == sum(part.points for part in parts) == 100


def test_an_empty_article_gets_none(make):
    empty = Draft(headline="", teaser="", direct_answer=(), intro=(), sections=())
    nothing = make.article(draft=empty, citations=(), toc=(), faq=(), paa=(), author=None)
    parts = scoring.score(make.material(nothing))
    assert {part.points for part in parts} == {0}
    assert scoring.total(parts) == 0


@pytest.mark.parametrize(("words", "reached"), [(39, 0), (40, 5), (60, 5), (61, 0)])
def test_a_direct_answer_has_40_to_60_words(make, words, reached):
    changed = make.draft(direct_answer=answer_of(make, words), faq=(), paa=())
    assert points(make.material(draft=changed))["direct_answer_length"] == reached


def test_a_direct_answer_of_connectives_alone_is_none(make):
    lead = (make.sentence("What is a bicycle chain? " + "word " * 40, connective=True),)
    found = points(make.material(draft=make.draft(direct_answer=lead, faq=(), paa=())))
    assert (found["direct_answer_present"], found["direct_answer_keyword"], found["direct_answer_cited"]) == (
        0,
        0,
        0,
    )


@pytest.mark.parametrize(
    ("text", "reached"),
    [("Chains of a Bicycle need oil.", 5), ("A bicycle needs oil.", 0), ("The CHAIN of a bicycle.", 5)],
)
def test_a_direct_answer_holds_every_word_of_the_keyword(make, text, reached):
    changed = make.draft(direct_answer=(make.sentence(text),), faq=(), paa=())
    assert points(make.material(draft=changed))["direct_answer_keyword"] == reached


def test_a_direct_answer_without_a_numbered_source_is_not_cited(make):
    changed = make.draft(direct_answer=(make.sentence("A bicycle chain lasts.", "s9"),), faq=(), paa=())
    assert points(make.material(draft=changed))["direct_answer_cited"] == 0


@pytest.mark.parametrize(("items", "reached"), [(0, 0), (4, 8), (5, 10), (6, 10), (7, 8.57), (12, 5)])
def test_faq_items(make, items, reached):
    faq = tuple(make.question(f"What is part {number}?", number) for number in range(items))
    assert points(make.material(faq=faq))["faq_items"] == reached


@pytest.mark.parametrize(("items", "reached"), [(0, 0), (2, 3.33), (3, 5), (4, 5), (5, 4)])
def test_people_also_ask_items(make, items, reached):
    paa = tuple(make.question(f"What is part {number}?", number) for number in range(items))
    assert points(make.material(paa=paa))["paa_items"] == reached


@pytest.mark.parametrize(("asked", "reached"), [(0, 0), (1, 2.5), (2, 5), (4, 5)])
def test_question_headings(make, asked, reached):
    headings = [*make.headings[:asked], *["Wear", "Oil", "Tools", "Cleaning"][asked:]]
    changed = [msgspec.structs.replace(s, heading=h) for s, h in zip(make.sections(), headings, strict=True)]
    found = points(make.material(draft=make.draft(sections=tuple(changed), faq=(), paa=())))
    assert found["question_headings"] == reached


@pytest.mark.parametrize(
    ("numbers", "reached"), [((), 0), ((1, 2), 5), ((1, 3), 0), ((2, 1), 0), ((0, 1), 0), ((1, 1), 0)]
)
def test_citations_are_numbered_from_one_without_holes(make, numbers, reached):
    citations = tuple(make.citation(number, f"s{at}") for at, number in enumerate(numbers, 1))
    assert points(make.material(citations=citations))["citation_form"] == reached


@pytest.mark.parametrize("missing", ["url", "title"])
def test_a_citation_without_address_or_title_is_no_form(make, missing):
    citations = (make.citation(1, "s1"), make.citation(2, "s2", **{missing: ""}))
    assert points(make.material(citations=citations))["citation_form"] == 0


def test_claims_without_a_source_cost_their_share(make):
    half = (make.sentence("One claim stands.", "s1"), make.sentence("Another one does not.", "s9"))
    bare = Draft(headline="", teaser="", direct_answer=half, intro=(), sections=())
    assert points(make.material(draft=bare, faq=(), paa=()))["citation_match"] == 2.5


def test_sections_without_a_source_cost_their_share(make):
    one, *others = make.sections()
    bare = Section(heading=one.heading, blocks=(Paragraph(sentences=(make.sentence("Unsourced.", "s9"),)),))
    found = points(make.material(draft=make.draft(sections=(bare, *others), faq=(), paa=())))
    assert found["citation_spread"] == 3.75


def test_a_section_of_a_table_cites_the_tables_source(make):
    table = Table(caption="", header=("a", "b"), rows=(("c", "d"),), source_ids=("s2",))
    only = make.draft(sections=(Section(heading="Wear", blocks=(table,)),), faq=(), paa=())
    assert points(make.material(draft=only))["citation_spread"] == 5


@pytest.mark.parametrize(("spoken", "reached"), [(0, 0), (1, 3), (2, 6), (20, 6)])
def test_a_tenth_of_the_sentences_speaks_to_the_reader(make, spoken, reached):
    """The words count, not letters in them: 'young' says nothing to anybody."""
    texts = [f"Your chain number {n} is worn." for n in range(spoken)]
    texts += [f"Young chain number {n} is worn." for n in range(20 - spoken)]
    bare = Draft(
        headline="", teaser="", direct_answer=tuple(map(make.sentence, texts)), intro=(), sections=()
    )
    assert points(make.material(draft=bare, faq=(), paa=()))["conversational"] == reached


@pytest.mark.parametrize(("direct", "reached"), [(0, 0), (3, 2.5), (6, 5), (10, 5)])
def test_direct_statements_are_short_and_without_hedges(make, direct, reached):
    long = "word " * 25 + "end."
    texts = [f"Chain {n} is worn." for n in range(direct)]
    texts += [long if n % 2 else f"Perhaps chain {n} is worn." for n in range(10 - direct)]
    bare = Draft(
        headline="", teaser="", direct_answer=tuple(map(make.sentence, texts)), intro=(), sections=()
    )
    assert points(make.material(draft=bare, faq=(), paa=()))["direct_statements"] == reached


def test_a_sentence_of_25_words_is_still_direct(make):
    bare = Draft(
        headline="", teaser="", direct_answer=(make.sentence("word " * 24 + "end."),), intro=(), sections=()
    )
    assert points(make.material(draft=bare, faq=(), paa=()))["direct_statements"] == 5


@pytest.mark.parametrize(("asked", "reached"), [(0, 0), (1, 1.33), (3, 4), (5, 4)])
def test_question_patterns(make, asked, reached):
    faq = tuple(make.question(text) for text in make.questions[:asked])
    faq += tuple(make.question(text) for text in ["Chains", "Rust?", "Oil"])
    bare = Draft(headline="", teaser="", direct_answer=(), intro=(), sections=())
    assert points(make.material(draft=bare, faq=faq, paa=()))["question_patterns"] == reached


@pytest.mark.parametrize(("items", "reached"), [(0, 0), (1, 0), (2, 5)])
def test_a_list_has_two_items_and_more(make, items, reached):
    found = tuple(make.sentence(f"item {n}") for n in range(items))
    only = make.draft(sections=(Section(heading="Wear", blocks=(BulletList(items=found),)),), faq=(), paa=())
    assert points(make.material(draft=only))["lists"] == reached


@pytest.mark.parametrize(("count", "reached"), [(0, 0), (1, 1.25), (3, 3.75), (4, 5), (9, 5)])
def test_four_headings_are_enough(make, count, reached):
    many = (make.sections() * 3)[:count]
    assert points(make.material(draft=make.draft(sections=many, faq=(), paa=())))["headings"] == reached


@pytest.mark.parametrize(("lived", "reached"), [(0, 0), (1, 2), (2, 4), (5, 4)])
def test_experience(make, lived, reached):
    """'us' is a word of experience, the end of 'bus' is not."""
    texts = [f"We repaired chain {n}." for n in range(lived)] + ["The bus has no chain."]
    bare = Draft(
        headline="", teaser="", direct_answer=tuple(map(make.sentence, texts)), intro=(), sections=()
    )
    assert points(make.material(draft=bare, faq=(), paa=()))["experience"] == reached


@pytest.mark.parametrize(
    ("author", "expertise", "address"),
    [
        (None, 0, 0),
        (Author(name="Ida"), 2, 0),
        (Author(name="Ida", role="mechanic"), 4, 0),
        (Author(name="Ida", url="https://x.example"), 2, 4),
    ],
)
def test_an_author_counts_with_role_and_address(make, author, expertise, address):
    found = points(make.material(author=author))
    assert (found["expertise"], found["author_url"]) == (expertise, address)


@pytest.mark.parametrize(
    ("accountable", "of", "reached"), [(0, 4, 0), (1, 4, 1.5), (2, 4, 3), (4, 4, 3), (0, 0, 0)]
)
def test_half_of_the_sources_name_an_author_or_a_date(make, accountable, of, reached):
    known = tuple(make.citation(n, f"s{n}", author=None) for n in range(1, accountable + 1))
    others = tuple(
        make.citation(n, f"s{n}", author=None, published=None) for n in range(accountable + 1, of + 1)
    )
    assert points(make.material(citations=known + others))["trustworthy_sources"] == reached


@pytest.mark.parametrize(
    ("url", "reached"),
    [("https://energy.gov/x", 3), ("https://x.ac.uk/", 3), ("https://notgov/", 0), ("junk", 0)],
)
def test_institutions_are_trustworthy(make, url, reached):
    citations = (make.citation(1, "s1", author=None, published=None, url=url),)
    assert points(make.material(citations=citations))["trustworthy_sources"] == reached


text = st.text(max_size=60)
ids = st.lists(st.sampled_from(["s1", "s2", "s3"]), max_size=2).map(tuple)
sentence = st.builds(Sentence, text=text, source_ids=ids, connective=st.booleans())
sentences = st.lists(sentence, max_size=4).map(tuple)
block = st.one_of(
    st.builds(Paragraph, sentences=sentences),
    st.builds(BulletList, items=sentences),
    st.builds(Table, caption=text, header=st.just(("a",)), rows=st.just((("b",),)), source_ids=ids),
)
section = st.builds(Section, heading=text, blocks=st.lists(block, max_size=3).map(tuple))
asked = st.lists(st.builds(QuestionAnswer, question=text, answer=sentences), max_size=9).map(tuple)
cited = st.builds(
    Citation,
    number=st.integers(-1, 5),
    source_id=st.sampled_from(["s1", "s2"]),
    url=text.filter(lambda url: "[" not in url and "]" not in url),
    title=text,
    quote=text,
    author=st.none() | text,
    published=st.none() | text,
)
author = st.none() | st.builds(Author, name=text, url=st.none() | text, role=st.none() | text)
articles = st.builds(
    Article,
    draft=st.builds(
        Draft,
        headline=text,
        teaser=text,
        direct_answer=sentences,
        intro=sentences,
        sections=st.lists(section, max_size=6).map(tuple),
        takeaways=sentences,
    ),
    citations=st.lists(cited, max_size=4).map(tuple),
    internal_links=st.just(()),
    toc=st.just(()),
    faq=asked,
    paa=asked,
    images=st.just(()),
    meta_title=text,
    meta_description=text,
    slug=text,
    reading_time_minutes=st.integers(0, 9),
    author=author,
)


@settings(deadline=None)
@given(articles, st.text(min_size=1, max_size=30), st.sampled_from(["en", "de-AT", "fr", "xx"]))
def test_no_article_gets_less_than_nothing_or_more_than_a_hundred(any_article, keyword, language):
    company = CompanyOutput(name="", url="", language="en", country="US")
    parts = scoring.score(Material(any_article, keyword, language, company))
    assert all(0 <= part.points <= part.maximum for part in parts)
    assert 0 <= scoring.total(parts) <= 100
    assert scoring.total(parts) == pytest.approx(sum(part.points for part in parts), abs=0.06)
