"""LanguageModel: the extractive writer, the one by prompts over both providers, and the scripted one that stands in,
over every task there is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from blog_writer.fake_model import serve_fake_model
from contracts.articles import Draft, Quote, Source
from contracts.jobs import ArticleRequest
from contracts.stages import CompanyOutput
from stage_workers import tasks
from stage_workers.adapters.extractive import ExtractiveModel
from stage_workers.adapters.fakes import ScriptedModel
from stage_workers.adapters.gemini import Gemini
from stage_workers.adapters.openai_compatible import OpenAICompatible
from stage_workers.adapters.written import WritingModel
from stage_workers.blocks import read
from stage_workers.errors import Permanent
from stage_workers.extractive import brief

SITE = "https://workshop.example"
TEXTS = Path(__file__).parents[1] / "unit" / "stage_workers" / "writing" / "pages"
REQUEST = ArticleRequest(primary_keyword="bicycle chain", company_url=SITE)
COMPANY = CompanyOutput(name="Rolling Hill Workshop", url=SITE, language="en", country="US")
PLAN = brief.plan(tasks.WriteBrief(request=REQUEST, company=COMPANY, rules=()))


def text_of(name: str) -> str:
    return (TEXTS / f"{name}.md").read_text(encoding="utf-8")


def sources() -> tuple[Source, ...]:
    made = []
    for number, name in enumerate(("bicycle-chain", "bicycle-faq", "bicycle-home"), 1):
        quotes = tuple(Quote(text=block.markdown(), heading=block.heading) for block in read(text_of(name)))
        made.append(
            Source(
                source_id=f"s{number}",
                url=f"{SITE}/{name}",
                title=name,
                kind="company",
                quotes=quotes,
                fetched_at=datetime(2026, 3, 2, tzinfo=UTC),
            )
        )
    return tuple(made)


def revisions(draft: Draft) -> tuple[tasks.Task[Any], ...]:
    asked: dict[str, Any] = {"request": REQUEST, "prompts": ("Be brief.",), "sources": sources()}
    opening = tasks.Opening(
        headline=draft.headline,
        teaser=draft.teaser,
        direct_answer=draft.direct_answer,
        intro=draft.intro,
        takeaways=draft.takeaways,
    )
    return (
        tasks.ReviseOpening(passage=opening, **asked),
        tasks.ReviseSection(passage=draft.sections[0], **asked),
        tasks.ReviseQuestions(passage=tasks.Questions(faq=draft.faq, paa=draft.paa), **asked),
    )


def every_task() -> list[tasks.Task[Any]]:
    page = tasks.PageText(url=f"{SITE}/bicycle-chain", title="Chain", text=text_of("bicycle-chain"))
    write = tasks.WriteDraft(request=REQUEST, company=COMPANY, brief=PLAN, sources=sources())
    draft = ExtractiveModel()._perform(write)
    return [
        tasks.ProfileCompany(request=REQUEST, pages=(page,)),
        tasks.WriteBrief(request=REQUEST, company=COMPANY, rules=()),
        tasks.SelectQuotes(request=REQUEST, brief=PLAN, page=page, limit=5),
        write,
        tasks.AnswerQuestions(request=REQUEST, draft=draft, sources=sources()),
        *revisions(draft),
    ]


TASKS = every_task()


def scripted() -> ScriptedModel:
    return ScriptedModel({type(task): ExtractiveModel()._perform(task) for task in TASKS})


@pytest.fixture(params=["extractive", "scripted", "gemini", "openai-compatible"])
async def model(request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    if request.param in {"extractive", "scripted"}:
        yield ExtractiveModel() if request.param == "extractive" else scripted()
        return
    async with serve_fake_model(key="fake-key") as provider:
        if request.param == "gemini":
            async with Gemini("fake-writer", "fake-key", provider.url) as gemini:
                yield WritingModel(gemini)
            return
        async with OpenAICompatible(f"{provider.url}/v1", "fake-writer", "fake-key") as chat:
            yield WritingModel(chat)


def test_every_kind_of_task_is_tried() -> None:
    assert {type(task) for task in TASKS} == set(tasks.Task.__subclasses__())


async def test_a_model_has_a_name(model: Any) -> None:
    assert model.name


@pytest.mark.parametrize("task", TASKS, ids=lambda task: type(task).__name__)
async def test_a_task_gives_the_type_that_it_names_and_it_can_be_recorded(
    model: Any, task: tasks.Task[Any]
) -> None:
    result = await model.perform(task)
    assert isinstance(result, task.RESULT)
    assert msgspec.json.decode(msgspec.json.encode(result), type=task.RESULT) == result


@pytest.mark.parametrize("task", TASKS, ids=lambda task: type(task).__name__)
async def test_the_same_task_gives_the_same_result(model: Any, task: tasks.Task[Any]) -> None:
    assert await model.perform(task) == await model.perform(task)


async def test_no_more_quotes_than_asked_for_and_they_stand_on_the_page(model: Any) -> None:
    task = next(task for task in TASKS if isinstance(task, tasks.SelectQuotes))
    chosen = await model.perform(task)
    assert 0 < len(chosen.quotes) <= task.limit


async def test_a_draft_names_who_wrote_it_and_only_sources_it_was_given(model: Any) -> None:
    task = next(task for task in TASKS if isinstance(task, tasks.WriteDraft))
    draft = await model.perform(task)
    assert draft.generator
    known = {source.source_id for source in task.sources}
    said = [sentence for sentence in draft.direct_answer if not sentence.connective]
    assert said
    assert all(set(sentence.source_ids) <= known for sentence in said)


async def test_what_cannot_be_written_fails_for_good() -> None:
    task = tasks.WriteDraft(request=REQUEST, company=COMPANY, brief=PLAN, sources=())
    refusal = Permanent("too_little_material", "nothing to write from")
    for model in (ExtractiveModel(), ScriptedModel({tasks.WriteDraft: refusal})):
        with pytest.raises(Permanent) as caught:
            await model.perform(task)
        assert caught.value.code == "too_little_material"
