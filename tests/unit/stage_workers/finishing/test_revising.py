"""Review prompts, passage by passage: what a model may change, and what it may not."""

import msgspec
import pytest

from contracts.articles import Finding, Paragraph
from contracts.stages import QualityOutput, ResearchOutput, ReviewInput
from stage_workers.adapters.extractive import ExtractiveModel
from stage_workers.adapters.fakes import FakeContext, ScriptedModel
from stage_workers.adapters.written import WritingModel
from stage_workers.chat import Reply
from stage_workers.errors import Permanent, Transient
from stage_workers.stages import review
from stage_workers.tasks import (
    RevisedOpening,
    RevisedQuestions,
    RevisedSection,
    ReviseOpening,
    ReviseQuestions,
    ReviseSection,
)

QUOTES = {
    "s1": (
        "Wipe the chain once a week and wash it once a month.",
        "Oil the chain after every wash and wipe the rest off.",
    ),
    "s2": ("A chain lasts 3,000 kilometres when it is looked after well.",),
}
DUTCH = (
    "Het is van belang dat de ketting van een fiets elke week wordt schoongemaakt, want anders slijten de tandwielen "
    "veel te snel en dan moet je ook die nog vervangen, wat een stuk duurder is dan een nieuwe ketting voor de fiets."
)


def reviewing(make, article=None, research=True, **more):
    sources = tuple(make.source(name, *quotes) for name, quotes in QUOTES.items())
    found = ResearchOutput(sources=sources, searches=20, pages_read=2) if research else None
    return ReviewInput(
        request=make.request(review_prompts=("Be brief.",)),
        company=make.company(),
        research=found,
        quality=QualityOutput(article=article or make.article(), score=90, passed=True, parts=(), **more),
    )


def unchanged(task):
    return task.RESULT(passage=task.passage, changes=())


def model(**answers):
    """A model that revises some passages and leaves the others alone."""
    kinds = {"opening": ReviseOpening, "section": ReviseSection, "questions": ReviseQuestions}
    return ScriptedModel({kind: answers.get(name, unchanged) for name, kind in kinds.items()})


def section(make, *sentences, heading=None):
    """Put these in place of the first section's sentences."""

    def revised(task):
        if task.passage.heading != make.headings[0]:
            return unchanged(task)
        blocks = (Paragraph(sentences=sentences),)
        passage = msgspec.structs.replace(
            task.passage, heading=make.headings[0] if heading is None else heading, blocks=blocks
        )
        return RevisedSection(passage=passage, changes=("reworded",))

    return revised


def opening(**changes):
    def revised(task):
        return RevisedOpening(passage=msgspec.structs.replace(task.passage, **changes), changes=("new",))

    return revised


async def output(inp, writer):
    return (await review.run(inp, FakeContext(model=writer))).output


async def test_a_revised_section_is_taken_with_a_diff_and_the_rest_stays_word_for_word(make):
    said = make.sentence("Wipe the chain weekly, and wash it once a month.", "s1")
    kept = make.sentence("Salt on the roads makes a weekly wash sensible.", "s1")
    found = await output(reviewing(make), model(section=section(make, said, kept)))
    first, *others = found.article.draft.sections
    assert [sentence.text for sentence in first.blocks[0].sentences] == [said.text, kept.text]
    assert tuple(others) == make.article().draft.sections[1:]
    assert found.notes == ()
    (revision,) = found.revisions
    assert revision.passage == make.headings[0]
    assert revision.changes == found.changes == ("reworded",)
    assert revision.diff.splitlines() == [
        f"--- {make.headings[0]} (before)",
        f"+++ {make.headings[0]} (after)",
        "@@ -2,3 +2,3 @@",
        " ",
        "-Wipe the chain once a week and wash it once a month.",
        "+Wipe the chain weekly, and wash it once a month.",
        " Salt on the roads makes a weekly wash sensible.",
    ]


async def test_every_passage_is_asked_about_once_with_the_sources_that_it_cites(make):
    writer = model()
    ctx = FakeContext(model=writer)
    for _ in range(2):
        await review.run(reviewing(make), ctx)
    assert [type(task) for task in writer.tasks] == [ReviseOpening, *[ReviseSection] * 4, ReviseQuestions]
    assert {task.prompts for task in writer.tasks} == {("Be brief.",)}
    cited = [[source.source_id for source in task.sources] for task in writer.tasks]
    assert cited == [["s1", "s2"], ["s1"], ["s2", "s1"], ["s1"], ["s1"], ["s2"]]


async def test_the_headline_and_the_questions_are_passages_too(make):
    def fewer(task):
        return RevisedQuestions(
            passage=msgspec.structs.replace(task.passage, paa=task.passage.paa[:-1]), changes=("one less",)
        )

    found = await output(
        reviewing(make), model(opening=opening(headline="Bicycle chains that last"), questions=fewer)
    )
    assert found.article.draft.headline == "Bicycle chains that last"
    assert found.article.paa == make.article().paa[:-1]
    assert [revision.passage for revision in found.revisions] == ["opening", "questions"]
    assert f"-### {make.questions[-1]}" in found.revisions[1].diff


async def test_a_claim_that_stays_keeps_its_sources_whatever_the_model_says(make):
    before = make.article().draft.sections[0].blocks[0].sentences
    stripped = (msgspec.structs.replace(before[0], source_ids=()), before[1], before[1])
    found = await output(reviewing(make), model(section=section(make, *stripped)))
    assert found.article.draft.sections[0].blocks[0].sentences[0] == before[0]


async def test_contents_links_and_citations_follow_the_revision(make):
    said = make.sentence("A chain lasts 3,000 kilometres when it is looked after.", "s2")
    found = await output(
        reviewing(make), model(section=section(make, said, heading="How often to clean it?"))
    )
    article = found.article
    assert article.toc[0].label == article.draft.sections[0].heading == "How often to clean it?"
    assert article.internal_links == ()  # its words are gone
    assert [(each.number, each.source_id) for each in article.citations] == [(1, "s1"), (2, "s2")]


def invented(make):
    return {
        "no source": (make.sentence("Chains are a joy.", connective=False), "names no source"),
        "another source": (make.sentence("Wipe the chain once a week.", "s9"), "s9 is no source"),
        "a fact": (make.sentence("Elephants never ride to school.", "s1"), "no source says so"),
        "a figure": (make.sentence("Wipe the chain 12 times a week and wash it.", "s1"), "no source says 12"),
        "another source's figure": (
            make.sentence("Wipe the chain once in 3,000 kilometres.", "s1"),
            "no source says 3,000",
        ),
        "a figure in a joint": (
            make.sentence("In 90 percent of cases:", connective=True),
            "no source says 90",
        ),
        "a claim as a joint": (make.sentence(make.answer[0], connective=True), "a claim lost its sources"),
        "a link": (
            make.sentence("Wipe the chain once a week: https://evil.example/buy.", "s1"),
            "https://evil.example/buy",
        ),
        "markup": (make.sentence("Wipe the <b>chain</b> once a week.", "s1"), "markup_in_text"),
        "a cut sentence": (make.sentence("Wipe the chain once a week and", "s1"), "truncated_item"),
        "another language": (make.sentence(DUTCH, "s1"), "no source says so"),
        "a stock phrase": (
            make.sentence("It is important to note that you wipe the chain once a week.", "s1"),
            "stock_phrase",
        ),
    }


CASES = (
    "no source",
    "another source",
    "a fact",
    "a figure",
    "another source's figure",
    "a figure in a joint",
    "a claim as a joint",
    "a link",
    "markup",
    "a cut sentence",
    "another language",
    "a stock phrase",
)


@pytest.mark.parametrize("case", CASES)
async def test_what_is_invented_or_spoilt_leaves_the_section_as_it_was_with_a_note(make, case):
    sentence, why = invented(make)[case]
    if case == "no source":
        sentence = msgspec.structs.replace(sentence, source_ids=())
    kept = make.article().draft.sections[0].blocks[0].sentences
    found = await output(reviewing(make), model(section=section(make, *kept, sentence)))
    assert found.article == make.article()
    assert found.revisions == found.changes == ()
    assert found.quality is None
    (note,) = found.notes
    assert make.headings[0] in note
    assert why in note


async def test_a_section_in_another_language_is_refused_though_its_source_speaks_it(make):
    inp = reviewing(make)
    spoken = ResearchOutput(sources=(make.source("s1", DUTCH),), searches=20, pages_read=1)
    found = await output(
        msgspec.structs.replace(inp, research=spoken),
        model(section=section(make, make.sentence(DUTCH, "s1"))),
    )
    assert found.article == make.article()
    assert "wrong_language" in found.notes[0]


@pytest.mark.parametrize(
    ("sentences", "heading", "why"),
    [
        ((), None, "claims nothing"),
        (("Fine.",), " ", "no heading"),
        ((" ",), None, "a sentence has no words"),
    ],
)
async def test_a_broken_section_is_refused(make, sentences, heading, why):
    said = tuple(make.sentence(text, "s1") for text in sentences)
    found = await output(reviewing(make), model(section=section(make, *said, heading=heading)))
    assert found.article == make.article()
    assert why in found.notes[0]


async def test_an_opening_that_lost_its_answer_is_refused(make):
    found = await output(reviewing(make), model(opening=opening(direct_answer=())))
    assert found.article == make.article()
    assert "no direct_answer" in found.notes[0]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Certainly! I made it shorter.", "malformed"),
        ('{"passage": {"heading": "Cu', "truncated"),
        ("", "empty"),
        ('{"passage": {"heading": "Only that"}, "changes": []}', "missing required field"),
    ],
)
async def test_a_model_that_answers_what_cannot_be_read_changes_nothing_but_a_note(make, text, why):
    class Chat:
        name = "chat/test"

        async def complete(self, conversation):  # noqa: ARG002 - the port's signature
            return Reply(text=text)

    found = await output(reviewing(make), WritingModel(Chat()))
    assert found.article == make.article()
    assert len(found.notes) == 6
    assert all(why in note for note in found.notes)


async def test_a_blocked_passage_holds_up_no_other_and_is_not_asked_about_again(make):
    said = make.sentence("Wipe the chain weekly, and wash it once a month.", "s1")
    writer = model(opening=Permanent("model_blocked", "withheld"), section=section(make, said))
    ctx = FakeContext(model=writer)
    for _ in range(2):
        found = (await review.run(reviewing(make), ctx)).output
        assert [revision.passage for revision in found.revisions] == [make.headings[0]]
        assert "withheld" in found.notes[0]
    assert len(writer.tasks) == 6


async def test_a_provider_that_cannot_be_asked_ends_the_attempt_and_what_was_paid_for_stays(make):
    answers = {"questions": Transient("model_rate_limited", "later")}
    writer = model(**answers)
    ctx = FakeContext(model=writer)
    with pytest.raises(Transient):
        await review.run(reviewing(make), ctx)
    writer._answers[ReviseQuestions] = unchanged
    await review.run(reviewing(make), ctx)
    assert [type(task) for task in writer.tasks].count(ReviseSection) == 4
    assert [type(task) for task in writer.tasks].count(ReviseQuestions) == 2


async def test_a_writer_that_follows_no_instructions_says_so(make):
    found = await output(reviewing(make), ExtractiveModel())
    assert found.article == make.article()
    assert found.revisions == ()
    assert found.notes == ("review_prompts: not applied, the extractive generator changed nothing",)


async def test_a_model_that_changed_nothing_gives_its_reasons(make):
    def cannot(task):
        return RevisedQuestions(passage=task.passage, changes=("nothing to shorten",))

    found = await output(reviewing(make), model(questions=cannot))
    assert found.notes[1:] == ("review_prompts: nothing to shorten",)


async def test_the_reviewed_article_is_scored_again(make):
    shorter = opening(direct_answer=tuple(map(make.sentence, make.answer[:1])))
    before = reviewing(make)
    found = await output(before, model(opening=shorter))
    points = {part.name: part.points for part in found.quality.parts}
    assert points["direct_answer_length"] == 0
    assert found.quality.score == round(sum(points.values()), 1)


async def test_a_revision_is_refused_when_the_score_would_not_pass_any_more(make, monkeypatch):
    real = review.Review._judged

    def harsh(self, article):
        said = real(self, article)
        return msgspec.structs.replace(said, score=80.0 if article == make.article() else 74.9)

    monkeypatch.setattr(review.Review, "_judged", harsh)
    found = await output(reviewing(make), model(opening=opening(headline="Bicycle chains that last")))
    assert found.article == make.article()
    assert "the score would fall from 80 to 74.9" in found.notes[0]


@pytest.mark.parametrize("more", [0, 1])
async def test_what_was_wrong_before_is_no_reason_to_refuse_but_a_second_time_is(make, more):
    phrase = "It is important to note that a bicycle chain wears first."
    flawed = make.article()
    intro = (make.sentence(phrase, "s1"),)
    flawed = msgspec.structs.replace(flawed, draft=msgspec.structs.replace(flawed.draft, intro=intro))
    found = (Finding(code="stock_phrase", message="", critical=True),)
    said = make.sentence("It is important to note that the chain wears first.", "s1")
    revised = opening(headline="Bicycle chains that last", intro=(*intro, *([said] * more)))
    taken = await output(reviewing(make, flawed, findings=found), model(opening=revised))
    assert len(taken.revisions) == 1 - more


async def test_a_command_from_before_the_sources_were_read_still_gets_its_review(make):
    said = make.sentence("Wipe the chain weekly, and wash it once a month.", "s1")
    found = await output(reviewing(make, research=False), model(section=section(make, said)))
    assert len(found.revisions) == 1
