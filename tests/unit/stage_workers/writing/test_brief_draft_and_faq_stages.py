import msgspec
import pytest

from contracts.articles import Draft, QuestionAnswer, Sentence
from contracts.jobs import ArticleRequest
from contracts.stages import (
    BriefInput,
    CompanyOutput,
    DraftInput,
    FaqInput,
    ResearchOutput,
)
from stage_workers.errors import Permanent
from stage_workers.outcome import Done, Retry
from stage_workers.stages import brief, draft, faq
from stage_workers.tasks import Questions


def company(**more):
    return CompanyOutput(
        **({"name": "Workshop", "url": "https://w.example/", "language": "en", "country": "US"} | more)
    )


def request(**more):
    return ArticleRequest(
        **({"primary_keyword": "bicycle chain", "company_url": "https://w.example/"} | more)
    )


async def planned(make, **more):
    wanted = request(**more)
    firm = company(
        country=wanted.country, headings=("When is a chain worn?", "Cookies"), offers=("Wheel building",)
    )
    return (await brief.run(BriefInput(request=wanted, company=firm), make.Context())).output


async def test_a_brief_asks_enough_questions_and_searches(make):
    plan = await planned(make)
    assert len(plan.questions) >= 6
    assert len(set(plan.queries)) == len(plan.queries) >= 20
    assert "When is a chain worn?" in plan.questions
    assert "bicycle chain Wheel building" in plan.queries
    assert "Cookies" not in plan.outline


@pytest.mark.parametrize("language", ["en", "de", "fr", "es", "it", "nl", "pl"])
async def test_every_language_gets_twenty_queries(make, language):
    plan = await planned(make, language=language)
    assert len(plan.queries) >= 20
    assert len(plan.questions) >= 6


@pytest.mark.parametrize(
    ("keyword", "intent"),
    [
        ("bicycle chain", "informational"),
        ("best bicycle chain", "commercial"),
        ("buy bicycle chain", "transactional"),
        ("bicycle shop contact", "navigational"),
    ],
)
async def test_the_intent_is_read_from_the_keyword(make, keyword, intent):
    assert (await planned(make, primary_keyword=keyword)).intent == intent


async def test_the_word_count_of_the_request_is_the_target(make):
    assert (await planned(make, word_count=2000)).word_target == 2000


async def test_rules_follow_language_and_country(make):
    plan = await planned(make, language="de", country="CH")
    assert any("ss in place of ß" in rule for rule in plan.rules)
    assert any("CHF" in rule for rule in plan.rules)


async def test_what_cannot_be_applied_is_noted(make):
    plan = await planned(
        make, tone="funny", language="pl", country="PL", content_generation_instruction="Rhyme."
    )
    notes = "\n".join(plan.notes)
    for part in ("tone", "content_generation_instruction", "language pl", "country PL"):
        assert part in notes


def drafting(make, pages=None):
    task = make.write_draft("bicycle chain", pages or make.bicycle_pages())
    found = ResearchOutput(sources=task.sources, searches=20, pages_read=3)
    return DraftInput(request=task.request, company=task.company, brief=task.brief, research=found)


async def test_the_draft_is_written_once_however_often_the_stage_is_started(make):
    ctx = make.Context()
    first = await draft.run(drafting(make), ctx)
    assert isinstance(first, Done)
    ctx.model = None
    assert await draft.run(drafting(make), ctx) == first


async def test_too_little_material_is_permanent(make):
    with pytest.raises(Permanent) as refused:
        await draft.run(drafting(make, [make.page("tiny")]), make.Context())
    assert refused.value.code == "too_little_material"


class Answering:
    name = "answering"

    def __init__(self, answer):
        self.answer = answer

    async def perform(self, task):  # noqa: ARG002 - the port's signature
        return self.answer


async def test_an_empty_draft_is_asked_for_again(make):
    empty = Draft(headline="", teaser="", direct_answer=(), intro=(), sections=())
    outcome = await draft.run(drafting(make), make.Context(model=Answering(empty)))
    assert isinstance(outcome, Retry)
    assert outcome.code == "empty_draft"


async def asked(make, change=None, model=None):
    inp = drafting(make)
    written = (await draft.run(inp, make.Context())).output
    if change:
        written = msgspec.structs.replace(written, **change(written))
    task = FaqInput(request=inp.request, research=inp.research, draft=written)
    return written, (await faq.run(task, make.Context(model=model))).output


async def test_good_questions_stay_as_they_are(make):
    written, found = await asked(make)
    assert (found.faq, found.paa) == (written.faq, written.paa)


async def test_repeated_questions_are_dropped_and_missing_ones_completed(make):
    written, found = await asked(make, lambda old: {"faq": old.faq[:2] * 2, "paa": (old.faq[0],)})
    questions = [item.question for item in (*found.faq, *found.paa)]
    assert len(questions) == len(set(questions)) >= 8
    assert found.faq[:2] == written.faq[:2]
    used = {sentence.text for sentence in make.body_sentences(written)}
    assert not used & {sentence.text for item in (*found.faq, *found.paa) for sentence in item.answer}


async def test_answers_that_stand_on_no_source_or_on_one_that_says_nothing_of_it_are_left_out(make):
    said = drafting(make).research.sources[0].quotes[0].text

    def item(question, text, *ids):
        return QuestionAnswer(question=question, answer=(Sentence(text=text, source_ids=ids),))

    answers = (
        item("One?", said, "s1"),
        item("Two?", said, "s99"),
        item("Three?", said),
        item("Four?", "The moon is a green cheese that nobody has ever sliced.", "s1"),
    )
    _, found = await asked(make, model=Answering(Questions(faq=answers, paa=answers)))
    assert [each.question for each in found.faq] == [each.question for each in found.paa] == ["One?"]
