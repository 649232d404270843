"""What lists and search engines show, and the table of contents."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.articles import Author, Section
from contracts.jobs import BatchSibling
from contracts.stages import MetadataInput, TableOfContentsInput
from stage_workers.adapters.fakes import FakeContext
from stage_workers.stages import metadata, table_of_contents


async def described(make, draft=None, company=None, **request):
    inp = MetadataInput(
        request=make.request(**request),
        company=company or make.company(),
        brief=make.quality_input().brief,
        draft=draft or make.draft(),
    )
    return (await metadata.run(inp, FakeContext())).output


async def contents(make, *headings):
    draft = make.draft(sections=tuple(Section(heading=heading, blocks=()) for heading in headings))
    inp = TableOfContentsInput(request=make.request(), draft=draft)
    return (await table_of_contents.run(inp, FakeContext())).output.entries


async def test_a_short_headline_is_the_title(make):
    assert (await described(make)).meta_title == make.draft().headline


@pytest.mark.parametrize(
    ("headline", "title"),
    [
        ("Bicycle chain: " + "x" * 40, "Bicycle chain: " + "x" * 40),
        ("Bicycle chain: " + "x" * 41, "Bicycle chain | Rolling Hill Workshop"),
        ("Chaîne de vélo : " + "x" * 41, "Chaîne de vélo | Rolling Hill Workshop"),
        (
            "Keeping a bicycle chain in order: what to do about it",
            "Keeping a bicycle chain in order: what to do about it",
        ),
        (
            "Keeping a bicycle chain in order for years: what to do about it",
            "Keeping a bicycle chain in order for years",
        ),
        (
            "Everything that a rider needs to know about bicycle chains",
            "Everything that a rider needs to know about bicycle",
        ),
    ],
)
async def test_a_title_of_more_than_55_characters_is_shortened_where_it_reads_well(make, headline, title):
    found = (await described(make, make.draft(headline=headline))).meta_title
    assert found == title
    assert len(found) <= 55


async def test_a_description_ends_at_a_clause_within_130_characters(make):
    first = "Your questions about a bicycle chain, answered in the words of twelve pages of Rolling Hill Workshop and others"
    found = await described(make, make.draft(teaser=first + ", with a source for every single statement."))
    assert found.meta_description == first


@given(st.text(min_size=1, max_size=300), st.text(max_size=300))
async def test_titles_and_descriptions_are_never_too_long(make, headline, teaser):
    found = await described(make, make.draft(headline=headline, teaser=teaser))
    assert len(found.meta_title) <= 55
    assert len(found.meta_description) <= 130


async def test_without_a_teaser_the_headline_describes(make):
    assert (await described(make, make.draft(teaser=""))).meta_description == make.draft().headline


async def test_the_slug_is_the_clients_or_the_keywords_and_new(make):
    assert (await described(make)).slug == "bicycle-chain"
    assert (await described(make, slug="My Chain")).slug == "my-chain"
    siblings = (BatchSibling(slug="bicycle-chain-2"),)
    known = await described(make, existing_blog_slugs=("bicycle-chain",), batch_siblings=siblings)
    assert known.slug == "bicycle-chain-3"


@pytest.mark.parametrize(("words", "minutes"), [(1, 1), (200, 1), (201, 2), (1000, 5)])
async def test_reading_takes_a_minute_for_200_words(make, words, minutes):
    bare = make.draft(
        direct_answer=(make.sentence("word " * words),), intro=(), sections=(), takeaways=(), faq=(), paa=()
    )
    assert (await described(make, bare)).reading_time_minutes == minutes


async def test_the_author_is_the_first_with_an_address(make):
    named = (Author(name="A"), Author(name="B", url="https://b.example"))
    company = make.company(authors=named)
    assert (await described(make, company=company)).author == named[1]
    assert (await described(make, company=make.company(authors=named[:1]))).author == named[0]
    assert (await described(make)).author is None


async def test_each_section_has_an_entry_with_an_anchor_of_its_own(make):
    entries = await contents(make, "Wear?", "Wear!", "…", "…", "Wear 2", "Über Öl")
    assert [entry.section for entry in entries] == list(range(6))
    assert [entry.anchor for entry in entries] == [
        "wear",
        "wear-2",
        "section-3",
        "section-4",
        "wear-2-2",
        "ueber-oel",
    ]


async def test_long_labels_are_cut_and_anchors_stay(make):
    (entry,) = await contents(make, "A very long heading " * 8)
    assert len(entry.label) <= 70
    assert entry.label.endswith(("A", "very", "long", "heading"))


async def test_anchors_do_not_collide_with_the_articles_own_places(make):
    entries = await contents(make, "FAQ", "Takeaways", "Sources", "PAA", "FAQ 1", "Source 1")
    own = {"faq", "takeaways", "sources", "paa", "faq-1", "source-1"}
    assert own.isdisjoint(entry.anchor for entry in entries)


async def test_a_draft_without_sections_has_no_contents(make):
    assert await contents(make) == ()
    assert msgspec.json.encode(await contents(make)) == b"[]"
