"""The parallel stages' work put together: what lost its source is gone, numbers have no holes, places still fit."""

from collections import Counter

import msgspec

from contracts.articles import BulletList, DroppedClaim, InternalLink, Paragraph, Section, Table
from contracts.stages import CitationsOutput, FaqOutput, InternalLinksOutput
from stage_workers import judgement
from stage_workers.adapters.fakes import FakeContext
from stage_workers.article_text import draft_claims, draft_sentences, section_text, without
from stage_workers.assembly import assemble
from stage_workers.outcome import Done
from stage_workers.stages import quality


def only(make, source_id, **more):
    """The stages' outputs when only one source was verified."""
    return make.quality_input(citations=CitationsOutput(citations=(make.citation(1, source_id),)), **more)


def test_everything_is_kept_when_every_source_stands(make):
    given = make.quality_input()
    article = assemble(given)
    assert article.draft == msgspec.structs.replace(given.draft, faq=(), paa=())
    assert (article.faq, article.paa) == (given.faq.faq, given.faq.paa)
    assert [citation.number for citation in article.citations] == [1, 2]


def test_claims_of_lost_sources_are_left_out_everywhere(make):
    article = assemble(only(make, "s1"))
    left = {name for claim in draft_claims(article.draft) for name in claim.source_ids}
    assert left == {"s1"}
    assert article.faq == article.paa == ()
    assert article.draft.takeaways == ()


def test_a_dropped_claim_is_left_out_though_its_source_stands(make):
    text = make.answer[2]
    dropped = CitationsOutput(
        citations=(make.citation(1, "s1"), make.citation(2, "s2")),
        dropped=(DroppedClaim(text=text, url="", reason="the source does not say so"),),
    )
    article = assemble(make.quality_input(citations=dropped))
    assert text not in {sentence.text for sentence in draft_sentences(article.draft)}


def test_a_table_goes_with_its_source(make):
    def tables(article):
        return [b for section in article.draft.sections for b in section.blocks if isinstance(b, Table)]

    assert len(tables(assemble(only(make, "s2")))) == 1
    assert tables(assemble(only(make, "s1"))) == []


def test_a_source_that_only_a_table_uses_gets_a_number(make):
    table = Table(caption="", header=("a",), rows=(("b",),), source_ids=("s2",))
    draft = make.draft(sections=(Section(heading="Wear", blocks=(table,)),), takeaways=(), faq=(), paa=())
    article = assemble(make.quality_input(draft=draft, faq=FaqOutput(faq=(), paa=())))
    assert [citation.source_id for citation in article.citations] == ["s1", "s2"]


def test_citations_are_numbered_by_first_use_without_holes(make):
    draft = make.draft(
        direct_answer=(make.sentence("First.", "s3"),), intro=(make.sentence("Then.", "s1", "s9"),)
    )
    known = tuple(make.citation(number, f"s{number}") for number in (1, 2, 3, 4))
    article = assemble(make.quality_input(draft=draft, citations=CitationsOutput(citations=known)))
    assert [(c.number, c.source_id) for c in article.citations] == [(1, "s3"), (2, "s1"), (3, "s2")]


def test_a_section_that_lost_everything_goes_and_links_and_contents_move_up(make):
    first, *others = make.sections()
    lost = Section(heading=first.heading, blocks=(Paragraph(sentences=(make.sentence("Gone.", "s9"),)),))
    links = (
        InternalLink(section=0, anchor_text="Gone", url=f"{make.site}/wash", title="x"),
        InternalLink(section=3, anchor_text="Thin oil", url=f"{make.site}/wash", title="x"),
    )
    article = assemble(
        make.quality_input(
            draft=make.draft(sections=(lost, *others)), internal_links=InternalLinksOutput(links=links)
        )
    )
    assert [section.heading for section in article.draft.sections] == list(make.headings[1:])
    assert [(entry.section, entry.label) for entry in article.toc] == list(enumerate(make.headings[1:]))
    assert [(link.section, link.anchor_text) for link in article.internal_links] == [(2, "Thin oil")]
    assert "Thin oil" in section_text(article.draft.sections[2])


def test_two_sections_of_one_heading_do_not_change_places(make):
    gone = Section(heading="Wear", blocks=(Paragraph(sentences=(make.sentence("Gone.", "s9"),)),))
    stays = Section(heading="Wear", blocks=(make.paragraph("Stays here."),))
    links = (InternalLink(section=1, anchor_text="Stays here", url=f"{make.site}/wash", title="x"),)
    article = assemble(
        make.quality_input(
            draft=make.draft(sections=(gone, stays)), internal_links=InternalLinksOutput(links=links)
        )
    )
    assert [link.section for link in article.internal_links] == [0]


def test_connectives_stay_only_beside_a_claim(make):
    lead = make.sentence("The page puts it this way:", connective=True)
    alone = Section(heading="A", blocks=(Paragraph(sentences=(lead, make.sentence("Gone.", "s9"))),))
    beside = Section(heading="B", blocks=(Paragraph(sentences=(lead, make.sentence("Stays.", "s1"))),))
    draft = without(make.draft(sections=(alone, beside)), lambda sentence: "s1" in sentence.source_ids)
    assert [section.heading for section in draft.sections] == ["B"]
    assert draft.sections[0].blocks == beside.blocks


def test_lists_lose_single_items(make):
    items = (make.sentence("one"), make.sentence("two", "s9"), make.sentence("three"))
    draft = without(
        make.draft(sections=(Section(heading="A", blocks=(BulletList(items=items, ordered=True),)),)),
        lambda sentence: "s1" in sentence.source_ids,
    )
    assert draft.sections[0].blocks == (BulletList(items=(items[0], items[2]), ordered=True),)


def test_claims_are_walked_in_reading_order_and_each_once(make):
    draft = make.draft()
    texts = [claim.text for claim in draft_claims(draft)]
    assert texts[: len(make.answer)] == list(make.answer)
    assert texts[-1] == draft.paa[-1].answer[0].text
    assert max(Counter(texts).values()) == 1
    assert any("0.75 Replace it" in text for text in texts), "the table is a claim"


async def test_the_gate_passes_a_good_article(make):
    outcome = await quality.run(make.quality_input(), FakeContext())
    assert isinstance(outcome, Done)
    assert outcome.output.passed
    assert outcome.output.score == 100
    assert outcome.verdict.passed
    assert outcome.verdict.score == 100


async def test_one_critical_finding_refuses_an_article_of_a_good_score(make):
    outcome = await quality.run(make.quality_input(draft=make.draft(headline="Oil <b>it</b>")), FakeContext())
    assert outcome.output.score >= judgement.LOWEST_SCORE
    assert not outcome.verdict.passed
    assert outcome.verdict.findings[0].code == "markup_in_text"


async def test_a_low_score_refuses_an_article_without_critical_findings_and_says_what_cost(make):
    poor = make.quality_input(
        company=make.company(),
        faq=FaqOutput(faq=(), paa=()),
        draft=make.draft(direct_answer=(make.sentence("Chains wear."),), faq=(), paa=()),
    )
    outcome = await quality.run(poor, FakeContext())
    assert not any(finding.critical for finding in outcome.output.findings)
    assert outcome.output.score < judgement.LOWEST_SCORE
    assert not outcome.verdict.passed
    codes = {finding.code for finding in outcome.verdict.findings}
    assert {"faq_items", "paa_items", "direct_answer_length", "direct_answer_keyword"} <= codes


async def test_an_article_at_the_gates_score_passes(make, monkeypatch):
    monkeypatch.setattr(judgement.scoring, "total", lambda _parts: judgement.LOWEST_SCORE)
    assert (await quality.run(make.quality_input(), FakeContext())).verdict.passed
    monkeypatch.setattr(judgement.scoring, "total", lambda _parts: judgement.LOWEST_SCORE - 0.1)
    assert not (await quality.run(make.quality_input(), FakeContext())).verdict.passed
