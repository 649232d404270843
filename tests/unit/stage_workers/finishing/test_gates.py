"""What must not be in an article, each on a spoiled article and on a good one."""

import msgspec
import pytest

from contracts.articles import BulletList, InternalLink, Paragraph, Section, Table
from stage_workers import gates


def found(material):
    return {finding.code: finding for finding in gates.findings(material)}


def with_first_section(make, *blocks, heading=None):
    first, *others = make.sections()
    changed = Section(heading=heading or first.heading, blocks=blocks)
    return make.material(draft=make.draft(sections=(changed, *others), faq=(), paa=()), internal_links=())


def test_a_good_article_has_no_finding(make):
    assert gates.findings(make.material()) == ()


@pytest.mark.parametrize("field", ["headline", "teaser", "direct_answer", "intro", "sections"])
def test_a_part_of_the_draft_that_is_missing(make, field):
    empty = {field: " " if field in {"headline", "teaser"} else ()}
    changed = make.draft(**{"faq": (), "paa": ()} | empty)
    finding = found(make.material(draft=changed, internal_links=()))["missing_field"]
    assert (finding.critical, finding.where) == (True, field)


@pytest.mark.parametrize("field", ["meta_title", "meta_description", "slug", "citations"])
def test_a_part_of_the_article_that_is_missing(make, field):
    changed = make.material(**{field: () if field == "citations" else ""})
    missing = [finding for finding in gates.findings(changed) if finding.code == "missing_field"]
    assert [finding.where for finding in missing] == [field]


@pytest.mark.parametrize(("words", "too_long"), [(150, False), (151, True)])
def test_a_paragraph_nobody_reads(make, words, too_long):
    sentences = tuple(make.sentence("word " * 9 + f"{n}.") for n in range(words // 10))
    rest = (make.sentence("word"),) * (words % 10)
    material = with_first_section(make, Paragraph(sentences=sentences + rest))
    assert ("long_paragraph" in found(material)) is too_long


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("The chain is worn and", True),
        ("The chain wears out,", True),
        ("The chain wears out the", True),
        ("The chain wears out …", True),
        ("The chain wears out...", True),
        ("The chain is well-", True),
        ("The chain wears out.", False),
        ("a stiff brush", False),
        ("Oil and", False),
    ],
)
def test_a_sentence_that_was_cut_off(make, text, cut):
    material = with_first_section(make, make.paragraph(text))
    assert ("truncated_item" in found(material)) is cut


@pytest.mark.parametrize(
    "text",
    [
        "Oil <b>it</b> now.",
        "Salt &amp; water.",
        "See [this](https://x.example).",
        "{{keyword}} rusts.",
        "**Oil** it.",
    ],
)
def test_markup_in_a_text(make, text):
    assert found(with_first_section(make, make.paragraph(text)))["markup_in_text"].where == text
    assert "markup_in_text" in found(with_first_section(make, make.paragraph("Fine."), heading=text))
    assert "markup_in_text" in found(make.material(draft=make.draft(headline=text, faq=(), paa=())))


@pytest.mark.parametrize("text", ["Below 5 < 6 degrees it rusts.", "Salt & water rust.", "Oil it * twice *."])
def test_signs_that_are_no_markup(make, text):
    assert "markup_in_text" not in found(with_first_section(make, make.paragraph(text)))


@pytest.mark.parametrize(("mentions", "fine"), [(0, False), (1, True), (3, True), (4, False)])
def test_the_keyword_comes_as_often_as_it_reads_well(make, mentions, fine):
    words = " ".join(["bicycle chain"] * mentions + ["word"] * (200 - 2 * mentions))
    bare = make.draft(
        headline="",
        direct_answer=(make.sentence(words),),
        intro=(),
        sections=(),
        takeaways=(),
        faq=(),
        paa=(),
    )
    assert ("keyword_density" not in found(make.material(draft=bare, faq=(), paa=()))) is fine


def test_two_sections_with_one_heading_or_one_text(make):
    first, second, *others = make.sections()
    same_heading = msgspec.structs.replace(second, heading=first.heading.upper())
    same_text = msgspec.structs.replace(second, blocks=first.blocks)
    for twin in (same_heading, same_text):
        material = make.material(draft=make.draft(sections=(first, twin, *others), faq=(), paa=()))
        assert found(material)["duplicate_section"].where == twin.heading


def test_two_sections_of_tables_alone_are_not_taken_for_one(make):
    tables = [
        Section(
            heading=heading,
            blocks=(Table(caption="", header=("a",), rows=((cell,),), source_ids=("s1",)),),
        )
        for heading, cell in (("How worn is it?", "a little"), ("What does it cost?", "ten crowns"))
    ]
    material = make.material(draft=make.draft(sections=tuple(tables), faq=(), paa=()), internal_links=())
    assert "duplicate_section" not in found(material)


@pytest.mark.parametrize(("times", "repeated"), [(1, False), (2, False), (3, True)])
def test_a_claim_that_stands_more_than_twice(make, times, repeated):
    items = tuple(make.sentence("Water under the oil is the cause of rust.") for _ in range(times))
    assert ("repeated_sentence" in found(with_first_section(make, BulletList(items=items)))) is repeated


def test_a_connective_may_come_again(make):
    leads = tuple(make.sentence("The page puts it this way:", connective=True) for _ in range(5))
    assert "repeated_sentence" not in found(with_first_section(make, Paragraph(sentences=leads)))


def test_a_claim_without_a_numbered_source(make):
    material = with_first_section(make, Paragraph(sentences=(make.sentence("Chains last forever.", "s9"),)))
    assert found(material)["broken_citation"].where == "Chains last forever."


def test_a_link_to_a_page_that_does_not_exist(make):
    link = InternalLink(section=0, anchor_text="weekly wash", url=f"{make.site}/none", title="x")
    assert found(make.material(internal_links=(link,)))["invented_link"].where == "weekly wash"


def test_a_link_to_a_sibling_is_no_invention(make):
    url = f"{make.site}/sibling"
    link = InternalLink(section=0, anchor_text="weekly wash", url=url, title="x")
    material = msgspec.structs.replace(make.material(internal_links=(link,)), sibling_urls=frozenset({url}))
    assert "invented_link" not in found(material)


@pytest.mark.parametrize(("section", "anchor"), [(0, "not there"), (9, "weekly wash")])
def test_a_link_on_words_that_are_not_there(make, section, anchor):
    link = InternalLink(section=section, anchor_text=anchor, url=f"{make.site}/wash", title="x")
    assert "misplaced_link" in found(make.material(internal_links=(link,)))


def test_critical_findings_come_first(make):
    draft = make.draft(headline="<b>Oil</b>", direct_answer=(), faq=(), paa=())
    codes = gates.findings(make.material(draft=draft, meta_title=""))
    critical = [finding.critical for finding in codes]
    assert critical == sorted(critical, reverse=True)
    assert {finding.code for finding in codes if finding.critical} == {
        "missing_field",
        "markup_in_text",
        "keyword_density",
    }
