"""What comes of a stage when a model or a search engine answers badly, over real HTTP: each has one outcome."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from threading import Thread
from typing import Any

import pytest

from blog_writer.fake_model import FakeModel, serve_fake_model
from blog_writer.fake_model import Fault as ModelFault
from blog_writer.fake_web import FakeSearch
from blog_writer.fake_web import Fault as SearchFault
from blog_writer.fake_web.documents import Document
from blog_writer.sample_site import pages
from contracts.jobs import ArticleRequest
from contracts.stages import CompanyOutput, DraftInput, ResearchInput, SitePage
from stage_workers.adapters.extraction import read_page
from stage_workers.adapters.extractive import ExtractiveModel
from stage_workers.adapters.fakes import STARTED_AT, FakeContext, MemoryPages
from stage_workers.adapters.openai_compatible import OpenAICompatible
from stage_workers.adapters.searxng import SearXNG
from stage_workers.adapters.written import WritingModel
from stage_workers.errors import Permanent, PortError, Transient
from stage_workers.extractive import brief
from stage_workers.guided_research import LIMITS
from stage_workers.outcome import Done, Fail
from stage_workers.ports import Page
from stage_workers.stages import draft, research
from stage_workers.tasks import WriteBrief

SITE = "https://sample.example"
REQUEST = ArticleRequest(primary_keyword="energy efficiency", company_url=f"{SITE}/", country="GB")
WANTED = research.FEWEST_SEARCHES


def site_pages() -> dict[str, Page]:
    html = {path: each for path, each in pages(SITE).items() if each.content_type.startswith("text/html")}
    read = (read_page(SITE + path, each.body.decode(), STARTED_AT) for path, each in html.items())
    return {page.url: page for page in read if page is not None}


PAGES = site_pages()


def researching(known: dict[str, Page]) -> ResearchInput:
    found = tuple(SitePage(url=page.url, title=page.title) for page in known.values())
    company = CompanyOutput(name="Sample", url=f"{SITE}/", language="en", country="GB", pages=found)
    plan = brief.plan(WriteBrief(request=REQUEST, company=company, rules=()))
    return ResearchInput(request=REQUEST, company=company, brief=plan)


@pytest.fixture
async def provider() -> AsyncIterator[FakeModel]:
    async with serve_fake_model() as server:
        yield server


@pytest.fixture
async def model(provider: FakeModel) -> AsyncIterator[WritingModel]:
    async with OpenAICompatible(f"{provider.url}/v1", "fake-writer", "fake-key", 30) as chat:
        yield WritingModel(chat)


@pytest.fixture
def web() -> Iterator[FakeSearch]:
    documents = [Document(page.url, page.title, "", "2026-03-02", page.text) for page in PAGES.values()]
    server = FakeSearch(documents, "")
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server
    server.stopping.set()
    server.shutdown()
    thread.join(5)
    server.server_close()


async def drafting() -> DraftInput:
    """The input of a draft, researched without a model."""
    inp = researching(PAGES)
    ctx = FakeContext(model=ExtractiveModel(), fetcher=MemoryPages(PAGES))
    outcome = await research.run(inp, ctx)
    assert isinstance(outcome, Done)
    return DraftInput(request=REQUEST, company=inp.company, brief=inp.brief, research=outcome.output)


@pytest.mark.parametrize("fault", [ModelFault.PROSE, ModelFault.TRUNCATED, ModelFault.EMPTY])
async def test_an_answer_that_cannot_be_used_is_asked_for_once_more_and_then_the_article_is_written(
    provider: FakeModel, model: WritingModel, fault: ModelFault
) -> None:
    provider.faults.append(fault)
    outcome = await draft.run(await drafting(), FakeContext(model=model))
    assert isinstance(outcome, Done)
    assert len(provider.seen) == 2


@pytest.mark.parametrize(
    ("fault", "kind", "code", "calls"),
    [
        (ModelFault.PROSE, Transient, "model_malformed", 2),
        (ModelFault.TRUNCATED, Transient, "model_malformed", 2),
        (ModelFault.EMPTY, Transient, "model_malformed", 2),
        (ModelFault.BLOCKED, Permanent, "model_blocked", 1),
    ],
)
async def test_a_draft_that_never_comes_ends_the_attempt_with_a_code(
    provider: FakeModel, model: WritingModel, fault: ModelFault, kind: type[PortError], code: str, calls: int
) -> None:
    provider.faults.extend([fault] * 2)
    with pytest.raises(kind) as caught:
        await draft.run(await drafting(), FakeContext(model=model))
    assert caught.value.code == code
    assert len(provider.seen) == calls


async def test_tool_calls_without_end_are_ended_and_what_was_found_is_used(
    provider: FakeModel, model: WritingModel, web: FakeSearch
) -> None:
    provider.endless_tools = True
    async with SearXNG(web.url, 30) as engine:
        ctx = FakeContext(model=model, search=engine, fetcher=MemoryPages(PAGES))
        outcome = await research.run(researching(PAGES), ctx)
    assert isinstance(outcome, Done)
    assert sum("tools" in seen.body for seen in provider.seen) == LIMITS.turns
    assert len(web.queries) == LIMITS.turns
    assert outcome.output.sources
    assert f"the model's research was ended after {LIMITS.turns} tool calls" in outcome.output.notes


async def searched(web: FakeSearch, known: dict[str, Page], seconds: float = 30) -> Any:
    async with SearXNG(web.url, seconds) as engine:
        ctx = FakeContext(model=ExtractiveModel(), search=engine, fetcher=MemoryPages(known))
        return await research.run(researching(known), ctx)


async def test_searches_that_find_nothing_leave_the_company_s_own_pages(web: FakeSearch) -> None:
    web.faults.extend([SearchFault.NOTHING_FOUND] * 2 * WANTED)
    outcome = await searched(web, PAGES)
    assert isinstance(outcome, Done)
    assert outcome.output.searches >= WANTED
    assert {source.kind for source in outcome.output.sources} == {"company"}


async def test_searches_that_find_nothing_for_a_company_without_pages_end_the_job(web: FakeSearch) -> None:
    web.faults.extend([SearchFault.NOTHING_FOUND] * 2 * WANTED)
    outcome = await searched(web, {})
    assert isinstance(outcome, Fail)
    assert outcome.code == "no_sources"


@pytest.mark.parametrize(
    ("fault", "kind", "code"),
    [
        (SearchFault.HTML, Transient, "search_malformed"),
        (SearchFault.FORBIDDEN, Permanent, "search_key"),
        (SearchFault.SERVER_ERROR, Transient, "search_unavailable"),
    ],
)
async def test_an_engine_that_never_answers_as_it_should_ends_the_attempt_with_a_code(
    web: FakeSearch, fault: SearchFault, kind: type[PortError], code: str
) -> None:
    web.faults.extend([fault] * 2 * WANTED)
    with pytest.raises(kind) as caught:
        await searched(web, PAGES)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("fault", "seconds"), [(SearchFault.HTML, 30.0), (SearchFault.CUT, 30.0), (SearchFault.HANGING, 5.0)]
)
async def test_one_search_that_goes_wrong_is_noted_and_the_others_are_made(
    web: FakeSearch, fault: SearchFault, seconds: float
) -> None:
    web.faults.append(fault)
    outcome = await searched(web, PAGES, seconds)
    assert isinstance(outcome, Done)
    assert len(web.queries) == outcome.output.searches >= WANTED
    assert f"of {outcome.output.searches} searches failed: searxng" in outcome.output.notes[0]
