"""Pages of invented firms, and a context that records what a stage does."""

from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest

from contracts.articles import BulletList, Paragraph
from contracts.jobs import ArticleRequest
from contracts.stages import CompanyOutput
from stage_workers.adapters.extractive import ExtractiveModel
from stage_workers.errors import FetchFailed
from stage_workers.extractive import brief, quotes
from stage_workers.ports import Hit, Page
from stage_workers.site import quoting
from stage_workers.tasks import PageText, SelectQuotes, WriteBrief, WriteDraft

PAGES = Path(__file__).parent / "pages"
SITE = "https://workshop.example"
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def page(name, path=None, **more):
    text = (PAGES / f"{name}.md").read_text(encoding="utf-8")
    title = text.splitlines()[0].removeprefix("# ")
    defaults = {
        "url": f"{SITE}/{name if path is None else path}",
        "title": title,
        "text": text,
        "fetched_at": NOW,
    }
    return Page(**(defaults | more))


def bicycle_pages():
    return (
        page("bicycle-home", ""),
        page("bicycle-chain", "guides/bicycle-chain"),
        page("bicycle-faq", "faq"),
    )


def write_draft(keyword, pages, language="en", rounds=(), **request):
    """A drafting task made of pages by the way that the stages take."""
    wanted = ArticleRequest(primary_keyword=keyword, company_url=SITE, language=language, **request)
    company = CompanyOutput(name="Rolling Hill Workshop", url=SITE, language=language, country="US")
    plan = brief.plan(WriteBrief(request=wanted, company=company, rules=()))
    selected = []
    for each in pages:
        material = PageText(url=each.url, title=each.title, text=each.text)
        task = SelectQuotes(request=wanted, brief=plan, page=material, limit=30)
        selected.append((each, quotes.select(task).quotes))
    sources = quoting.sources(selected, frozenset(), SITE)
    return WriteDraft(request=wanted, company=company, brief=plan, sources=sources, rounds=rounds)


def body_sentences(draft):
    """Every sentence of the sections, lists included."""
    for section in draft.sections:
        for block in section.blocks:
            match block:
                case Paragraph(sentences=found) | BulletList(items=found):
                    yield from found


def every_sentence(draft):
    yield from draft.direct_answer
    yield from draft.intro
    yield from body_sentences(draft)
    yield from draft.takeaways
    for item in (*draft.faq, *draft.paa):
        yield from item.answer


class Site:
    """Pages by address; addresses that fail by the failure."""

    def __init__(self, pages=(), failures=None, mapped=()):
        self.pages = {each.url: each for each in pages}
        self.failures = failures or {}
        self.mapped = mapped
        self.fetched = []

    async def page(self, url):
        self.fetched.append(url)
        if url in self.failures:
            code, transient = self.failures[url]
            raise FetchFailed(url, code, f"{url}: it says {code}", transient=transient)
        found = self.pages.get(url) or self.pages.get(url.rstrip("/") + "/")
        if found is None:
            raise FetchFailed(url, "http_404", f"{url}: there is no such page", transient=False)
        return found

    async def sitemap(self, site, *, limit):  # noqa: ARG002 - the port's signature
        return tuple(self.mapped)[:limit]


class Search:
    name = "list"

    def __init__(self, urls=(), problem=None):
        self.urls, self.problem, self.queries = urls, problem, []

    async def search(self, query, *, site, pages, limit, language="", country=""):  # noqa: ARG002 - the port's signature
        self.queries.append(query)
        if self.problem:
            raise self.problem
        return tuple(Hit(url=url, title=urlsplit(url).path) for url in (self.urls or pages))[:limit]


class Context:
    """A stage context whose checkpoints keep what went through JSON, as the real ones do."""

    job_id, tenant, round, attempt, started_at = "job", "tenant", 1, 1, NOW
    images = store = None

    def __init__(self, fetcher=None, search=None, model=None):
        self.fetcher = fetcher or Site()
        self.search = search or Search()
        self.model = model or ExtractiveModel()
        self.records, self.messages = {}, []

    async def checkpoint(self, key, kind, call):
        if key not in self.records:
            self.records[key] = msgspec.json.encode(await call())
        return msgspec.json.decode(self.records[key], type=kind)

    async def progress(self, message, done=None, total=None):
        self.messages.append((message, done, total))


class Make:
    """The builders above, for tests in other files."""

    page = staticmethod(page)
    bicycle_pages = staticmethod(bicycle_pages)
    write_draft = staticmethod(write_draft)
    every_sentence = staticmethod(every_sentence)
    body_sentences = staticmethod(body_sentences)
    Site, Search, Context = Site, Search, Context
    site = SITE


@pytest.fixture(scope="session")
def make():
    return Make
