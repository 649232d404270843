"""stage_02: searches, reads pages and keeps the quotes that an article can stand on."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from functools import partial

import msgspec

from contracts.articles import Source
from contracts.stages import CompanyOutput, ResearchInput, ResearchOutput
from stage_workers import markets
from stage_workers.errors import Permanent, Transient
from stage_workers.guided_research import Found, Research
from stage_workers.markets import Market
from stage_workers.outcome import Done, Fail, Outcome
from stage_workers.ports import Hit, Page, StageContext, ToolUser
from stage_workers.reading import key, read_pages
from stage_workers.site import addresses, quoting
from stage_workers.tasks import PageText, SelectedQuotes, SelectQuotes

FEWEST_SEARCHES = 20
_HITS = 8
_PAGES = 16
_QUOTES = 30
_RANK_SMOOTHING = 10
_AUTHORITY_WEIGHT = 2.0
"""How much a found page counts when its word counts in the readers' country: the last of the hits of one search then
stands before the first of another."""
_NOT_SOURCES = frozenset(("legal", "contact"))


class Searched(msgspec.Struct, frozen=True, kw_only=True):
    """Addresses that the searches found, best first, and what went wrong."""

    urls: tuple[str, ...]
    notes: tuple[str, ...]


async def run(inp: ResearchInput, ctx: StageContext) -> Outcome[ResearchOutput]:
    """Fails with ``no_sources`` when no page could be read that says something."""
    guided = await _guided(inp, ctx)
    queries = _queries(inp, guided.queries)
    searched = await _search(queries, inp, ctx)
    given = tuple(dict.fromkeys(map(addresses.without_fragment, inp.request.source_urls)))
    to_read = _to_read((*guided.pages, *searched.urls), given, inp.company, max(_PAGES, len(guided.pages)))
    reading = await read_pages((*given, *to_read), ctx)
    pages = {page.url: page for page in reading.pages.values()}
    sources = await _sources(inp, tuple(pages.values()), _answered(given, reading.pages), ctx)
    notes = (*guided.notes, *searched.notes, *reading.notes())
    if not sources:
        return Fail(code="no_sources", reason=_why_none(len(queries), len(pages), notes))
    return Done(ResearchOutput(sources=sources, searches=len(queries), pages_read=len(pages), notes=notes))


async def _guided(inp: ResearchInput, ctx: StageContext) -> Found:
    """Let a model that can use tools search and read; its searches and pages are recorded and cost nothing again."""
    if not isinstance(ctx.model, ToolUser):
        return Found()
    pages = tuple(page.url for page in inp.company.pages)

    async def search(query: str) -> tuple[Hit, ...]:
        return await _recorded_search(query, inp, pages, ctx)

    async def quotes(page: Page) -> SelectedQuotes:
        return await _selected(_quoting(inp, page), ctx)

    return await Research(inp, ctx, search, quotes, FEWEST_SEARCHES, _market(inp).trusts).found(ctx.model)


def _queries(inp: ResearchInput, asked: tuple[str, ...]) -> tuple[str, ...]:
    """Return what the model asked, or the brief's queries; when they are fewer than twenty, others too."""
    queries = list(asked or dict.fromkeys(inp.brief.queries))
    keyword = inp.request.primary_keyword
    offered = (f"{keyword} {offer}" for offer in inp.company.offers)
    titled = (f"{keyword} {page.title}" for page in inp.company.pages)
    for extra in (*inp.brief.queries, keyword, *inp.brief.questions, *inp.brief.outline, *offered, *titled):
        if len(queries) < FEWEST_SEARCHES and extra not in queries:
            queries.append(extra)
    return tuple(queries)


async def _search(queries: Sequence[str], inp: ResearchInput, ctx: StageContext) -> Searched:
    """Search one after the other, since engines limit their rate. Raises the last problem if none answered, and at
    once when the engine wants another key."""
    scores: defaultdict[str, float] = defaultdict(float)
    failed: list[Transient | Permanent] = []
    pages = tuple(page.url for page in inp.company.pages)
    for number, query in enumerate(queries, 1):
        await ctx.progress(f"search {number} of {len(queries)}: {query}", number - 1, len(queries))
        try:
            hits = await _recorded_search(query, inp, pages, ctx)
        except (Transient, Permanent) as problem:
            if problem.code == "search_key":
                raise
            failed.append(problem)
            continue
        for place, hit in enumerate(hits):
            scores[addresses.without_fragment(hit.url)] += 1 / (_RANK_SMOOTHING + place)
    if failed and len(failed) == len(queries):
        raise failed[-1]
    market = _market(inp)
    ranked = {url: score * (_AUTHORITY_WEIGHT if market.trusts(url) else 1) for url, score in scores.items()}
    urls = sorted(ranked, key=lambda url: (-ranked[url], url))
    notes = (f"{len(failed)} of {len(queries)} searches failed: {failed[-1].reason}",) if failed else ()
    return Searched(urls=tuple(urls), notes=notes)


def _market(inp: ResearchInput) -> Market:
    return markets.choose(inp.request.language, inp.request.country).market


async def _recorded_search(
    query: str, inp: ResearchInput, pages: tuple[str, ...], ctx: StageContext
) -> tuple[Hit, ...]:
    return await ctx.checkpoint(key("search", query), tuple[Hit, ...], partial(_ask, query, inp, pages, ctx))


async def _ask(query: str, inp: ResearchInput, pages: tuple[str, ...], ctx: StageContext) -> tuple[Hit, ...]:
    return await ctx.search.search(
        query,
        site=inp.company.url,
        pages=pages,
        limit=_HITS,
        language=inp.request.language,
        country=inp.request.country.upper(),
    )


def _to_read(
    found: Sequence[str], given: Sequence[str], company: CompanyOutput, limit: int
) -> tuple[str, ...]:
    """The pages to read: what was found, then the company's own; never a legal or contact page."""
    own = (page.url for page in company.pages if page.kind not in _NOT_SOURCES)
    wanted = (
        url
        for url in dict.fromkeys((*found, *own))
        if url not in given
        and not _is_side_page(url, company.url)
        and (addresses.is_page(url) or addresses.is_document(url))
    )
    return tuple(wanted)[:limit]


def _is_side_page(url: str, site: str) -> bool:
    return addresses.is_same_site(url, site) and addresses.kind_of(url, site) in _NOT_SOURCES


def _answered(given: Sequence[str], pages: dict[str, Page]) -> frozenset[str]:
    return frozenset(pages[url].url for url in given if url in pages)


async def _sources(
    inp: ResearchInput, pages: Sequence[Page], given: frozenset[str], ctx: StageContext
) -> tuple[Source, ...]:
    """Each page that has quotes, as a source; what two pages both say belongs to the first."""
    selected: list[tuple[Page, tuple[str, ...]]] = []
    for number, page in enumerate(pages, 1):
        await ctx.progress(f"quotes of page {number} of {len(pages)}: {page.title}", number - 1, len(pages))
        chosen = await _selected(_quoting(inp, page), ctx)
        selected.append((page, chosen.quotes))
    return await asyncio.to_thread(quoting.sources, selected, given, inp.company.url)


def _quoting(inp: ResearchInput, page: Page) -> SelectQuotes:
    text = PageText(url=page.url, title=page.title, text=page.text)
    return SelectQuotes(request=inp.request, brief=inp.brief, page=text, limit=_QUOTES)


async def _selected(task: SelectQuotes, ctx: StageContext) -> SelectedQuotes:
    """Return a page's quotes; one that a model will not speak of gives none, and holds up no other."""
    try:
        return await ctx.checkpoint(
            key("quotes", task.page.url), SelectedQuotes, lambda: ctx.model.perform(task)
        )
    except Permanent as problem:
        if problem.code != "model_blocked":
            raise
        return SelectedQuotes(quotes=())


def _why_none(searches: int, pages: int, notes: Sequence[str]) -> str:
    unread = f"; {'; '.join(notes[:5])}" if notes else ""
    return f"{searches} searches and {pages} pages read gave no sentence to stand on{unread}"
