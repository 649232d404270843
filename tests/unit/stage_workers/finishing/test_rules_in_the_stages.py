"""The rules of gates, evidence and markets hold where the stages work."""

import msgspec
import pytest

from contracts.articles import DroppedClaim, Paragraph, RoundReport
from contracts.stages import (
    CitationsOutput,
    DraftInput,
    FaqInput,
    PublishInput,
    QualityOutput,
    ResearchOutput,
    ReviewOutput,
)
from stage_workers import markets
from stage_workers.adapters.fakes import FakeContext, ScriptedModel
from stage_workers.assembly import assemble
from stage_workers.scoring import score
from stage_workers.scoring.material import gathered
from stage_workers.site import facts
from stage_workers.stages import draft, faq, publish, quality
from stage_workers.tasks import AnswerQuestions, CompanyFacts, Questions, WriteDraft


def mixed(make):
    others = [make.source(f"w{n}", "x", url=f"https://{n}.example/", kind="web") for n in range(3)]
    return (make.source("s1", "x"), *others)


async def test_the_writer_is_given_only_what_may_be_cited(make):
    model = ScriptedModel(
        {WriteDraft: make.draft(), AnswerQuestions: Questions(faq=(), paa=())},
    )
    research = ResearchOutput(sources=mixed(make), searches=20, pages_read=4)
    brief = make.quality_input().brief
    shared = {"request": make.request(), "company": make.company(), "research": research}
    await draft.run(DraftInput(brief=brief, **shared), FakeContext(model=model))
    await faq.run(FaqInput(draft=make.draft(), **shared), FakeContext(model=model))
    given = [[source.source_id for source in task.sources] for task in model.tasks]
    assert given == [["w0", "w1", "w2"]] * 2


async def test_a_command_from_before_the_company_was_read_still_gets_its_questions(make):
    model = ScriptedModel({AnswerQuestions: Questions(faq=(), paa=())})
    research = ResearchOutput(sources=mixed(make), searches=20, pages_read=4)
    inp = FaqInput(request=make.request(), research=research, draft=make.draft())
    await faq.run(inp, FakeContext(model=model))
    assert len(model.tasks[0].sources) == 4


@pytest.mark.parametrize("dropped", [False, True])
def test_a_line_that_leads_into_a_block_stays_or_goes_with_it(make, dropped):
    lead = Paragraph(sentences=(make.sentence("The page puts it this way:", connective=True),))
    first, *others = make.sections()
    led = msgspec.structs.replace(first, blocks=(lead, *first.blocks))
    lost = [sentence.text for sentence in first.blocks[0].sentences] if dropped else []
    inp = make.quality_input(draft=make.draft(sections=(led, *others)))
    checked = CitationsOutput(
        citations=inp.citations.citations,
        dropped=tuple(DroppedClaim(text=text, url="", reason="") for text in lost),
    )
    article = assemble(msgspec.structs.replace(inp, citations=checked))
    blocks = [block for section in article.draft.sections for block in section.blocks]
    assert (lead in blocks) is not dropped


def accountable(parts):
    return next(part.points for part in parts if part.name == "trustworthy_sources")


async def test_authorities_of_the_readers_country_are_sources_one_can_hold_to_it(make):
    bare = make.citation(1, "s1", url="https://www.cbs.nl/a", author=None, published=None)
    article = make.article(citations=(bare,))
    dutch = markets.choose("nl", "NL").market.authorities
    assert accountable(score(gathered(article, make.request(), make.company(), (), dutch))) == 3
    assert accountable(score(gathered(article, make.request(), make.company(), ()))) == 0
    inp = make.quality_input(
        request=make.request(language="nl", country="NL"),
        citations=CitationsOutput(citations=(bare,)),
    )
    assert accountable((await quality.run(inp, FakeContext())).output.parts) == 3


async def test_a_model_that_writes_in_another_language_is_refused_and_told(make):
    dutch = make.sentence(
        "Het is van belang dat de ketting van een fiets elke week wordt schoongemaakt, want anders slijten de "
        "tandwielen veel te snel en dan moet je ook die nog vervangen, wat een stuk duurder is dan een nieuwe ketting."
    )
    written = make.draft(intro=(dutch,), direct_answer=(dutch,))
    outcome = await quality.run(make.quality_input(draft=written), FakeContext())
    assert not outcome.verdict.passed
    (found,) = (finding for finding in outcome.verdict.findings if finding.code == "wrong_language")
    assert (found.critical, found.where) == (True, "opening")
    assert "this is in nl, the article was asked for in en" in found.message


async def test_the_verdict_tells_what_the_round_did_otherwise_within_bounds(make):
    told = tuple(f"change {number} " + "x" * 300 for number in range(20))
    outcome = await quality.run(make.quality_input(draft=make.draft(changes=told)), FakeContext())
    assert len(outcome.verdict.changes) == 10
    assert max(map(len, outcome.verdict.changes)) <= 200
    assert outcome.verdict.changes[3].startswith("change 3")


async def test_the_result_tells_the_rounds_and_which_sources_were_replaced(make):
    given, article = make.quality_input(), make.article()
    rounds = tuple(RoundReport(round=n, score=60.0 + n, passed=n == 2) for n in (1, 2))
    moved = make.moved("A claim.", "s2")
    inp = PublishInput(
        request=given.request,
        company=given.company,
        brief=given.brief,
        research=given.research,
        images=given.images,
        citations=msgspec.structs.replace(given.citations, replaced=(moved,)),
        quality=QualityOutput(article=article, score=90, passed=True, parts=()),
        review=ReviewOutput(article=article, fingerprint="00af"),
        rounds=rounds,
    )
    result = (await publish.run(inp, FakeContext())).output
    assert [report.changes for report in result.quality_report.rounds] == [(), ("score 61 became 62",)]
    assert result.fingerprint == "00af"
    assert result.notes == ("other source, the source can no longer be read: A claim.",)


def test_competitors_are_those_of_the_client_and_of_the_model(make):
    read = CompanyFacts(
        name="", language="en", industry="", description="", offers=(), competitors=("Cogs", "Rival")
    )
    data = {"competitors": ["Rival", {"name": "Pedal Palace", "url": "https://pedals.example"}]}
    settled = facts.settle(make.request(company_data=data), (), read, "host")
    assert settled.competitors == ("Rival", "Pedal Palace", "https://pedals.example", "Cogs")
