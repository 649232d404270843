"""stage_00: reads the company's site and says what the company is."""

from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from contracts.articles import SitePage
from contracts.jobs import ArticleRequest
from contracts.stages import CompanyInput, CompanyOutput
from stage_workers.blocks import read
from stage_workers.errors import FetchFailed
from stage_workers.outcome import Done, Fail, Outcome, Retry
from stage_workers.ports import Page, StageContext
from stage_workers.reading import Reading, read_page, read_pages
from stage_workers.site import addresses, facts
from stage_workers.site.injection import addresses_machines
from stage_workers.tasks import CompanyFacts, PageText, ProfileCompany
from stage_workers.wording import clip

_SITEMAP_LIMIT = 500
_MOST_PAGES = 200
_HOME_LINKS = 100
_MOST_HEADINGS = 120
_SUMMARY = 200
_ABOUT_THE_FIRM = frozenset(("about", "contact", "legal"))
_KINDS_FIRST = ("home", "product", "about", "article", "other", "contact", "legal")


async def run(inp: CompanyInput, ctx: StageContext) -> Outcome[CompanyOutput]:
    """Fails with ``company_site_<why>`` when the home page cannot be read; a site whose robots.txt forbids it is
    done without when the request itself says something of the company or names sources."""
    request = inp.request
    notes: list[str] = []
    try:
        home = await read_page(request.company_url, ctx)
    except FetchFailed as failure:
        if failure.code != "robots_denied" or not _knows_enough(request):
            return _unreadable(failure)
        notes.append(
            f"{request.company_url}: robots.txt forbids reading it; only the request says who the company is"
        )
        return Done(await _without_site(request, ctx, notes))
    known = await _addresses(request, home, ctx, notes)
    reading = await read_pages(addresses.choose(known, home.url, request.primary_keyword), ctx)
    notes += reading.notes()
    read_facts = await _profile(request, (home, *reading.pages.values()), ctx)
    return Done(_output(request, home, known, reading, read_facts, notes))


def _unreadable(failure: FetchFailed) -> Retry | Fail:
    code = f"company_site_{failure.code}"
    if failure.transient:
        return Retry(reason=failure.reason, code=code, after_seconds=failure.after_seconds)
    return Fail(code=code, reason=failure.reason)


def _knows_enough(request: ArticleRequest) -> bool:
    return bool(request.company_data or request.company_name or request.source_urls)


async def _addresses(
    request: ArticleRequest, home: Page, ctx: StageContext, notes: list[str]
) -> tuple[str, ...]:
    """Return the site's pages: those the client names, the home page's links, its sitemap's; not the home page.

    The home page leads to what matters; a sitemap of thousands comes after it."""
    try:
        mapped = await ctx.fetcher.sitemap(home.url, limit=_SITEMAP_LIMIT)
    except FetchFailed as failure:
        mapped = ()
        notes.append(f"sitemap not read: {failure.reason} ({failure.code})")
    named = (*request.sitemap_urls, *home.links[:_HOME_LINKS], *mapped, *home.links)
    found = map(addresses.without_fragment, named)
    own = {addresses.without_fragment(home.url), addresses.without_fragment(request.company_url)}
    kept = [
        url
        for url in found
        if url not in own
        and addresses.is_same_site(url, home.url)
        and addresses.is_page(url)
        and not addresses_machines(url)
    ]
    return tuple(dict.fromkeys(kept))[: _MOST_PAGES - 1]


async def _profile(request: ArticleRequest, pages: Sequence[Page], ctx: StageContext) -> CompanyFacts:
    site = pages[0].url
    ordered = sorted(pages, key=lambda page: _KINDS_FIRST.index(addresses.kind_of(page.url, site)))
    texts = tuple(PageText(url=page.url, title=page.title, text=page.text) for page in ordered)
    task = ProfileCompany(request=request, pages=texts)
    await ctx.progress(f"profile of the company from {len(texts)} pages")
    read_facts = await ctx.checkpoint("profile", CompanyFacts, lambda: ctx.model.perform(task))
    return facts.settle(request, tuple(pages), read_facts, urlsplit(site).hostname or site)


def _output(
    request: ArticleRequest,
    home: Page,
    known: Iterable[str],
    reading: Reading,
    settled: CompanyFacts,
    notes: Sequence[str],
) -> CompanyOutput:
    pages = (home, *reading.pages.values())
    unread = [url for url in known if url not in reading.failures and url not in reading.pages]
    return CompanyOutput(
        name=settled.name,
        url=home.url,
        language=settled.language,
        country=request.country,
        industry=settled.industry,
        description=settled.description,
        offers=settled.offers,
        competitors=settled.competitors,
        pages=(*_read_pages(pages), *_unread_pages(unread, home.url))[:_MOST_PAGES],
        headings=_headings(pages),
        authors=facts.authors(request, pages),
        notes=(*notes, *_language_notes(request, home)),
    )


def _read_pages(pages: Sequence[Page]) -> list[SitePage]:
    unique = {page.url: page for page in pages}
    return [
        SitePage(
            url=page.url,
            title=page.title or addresses.title_of(page.url),
            summary=clip(page.description, _SUMMARY),
            kind=addresses.kind_of(page.url, pages[0].url),
        )
        for page in unique.values()
    ]


def _unread_pages(urls: Iterable[str], home: str) -> list[SitePage]:
    return [
        SitePage(url=url, title=addresses.title_of(url), kind=addresses.kind_of(url, home)) for url in urls
    ]


def _headings(pages: Sequence[Page]) -> tuple[str, ...]:
    """Return the headings of pages that say something of the trade, not of the firm or of other pages."""
    telling = (page for page in pages if _tells(page.url, pages[0].url))
    found = (block.heading for page in telling for block in read(page.text))
    return tuple(dict.fromkeys(heading for heading in found if heading))[:_MOST_HEADINGS]


def _tells(url: str, home: str) -> bool:
    return addresses.kind_of(url, home) not in _ABOUT_THE_FIRM and not addresses.is_listing(url)


def _language_notes(request: ArticleRequest, home: Page) -> list[str]:
    wanted, stated = request.language.split("-")[0].lower(), (home.language or "").split("-")[0].lower()
    if not stated or stated == wanted:
        return []
    return [f"the site is in {stated}, the article was asked for in {wanted}"]


async def _without_site(request: ArticleRequest, ctx: StageContext, notes: Sequence[str]) -> CompanyOutput:
    task = ProfileCompany(request=request, pages=())
    read_facts = await ctx.checkpoint("profile", CompanyFacts, lambda: ctx.model.perform(task))
    settled = facts.settle(
        request, (), read_facts, urlsplit(request.company_url).hostname or request.company_url
    )
    return CompanyOutput(
        name=settled.name,
        url=request.company_url,
        language=settled.language,
        country=request.country,
        industry=settled.industry,
        description=settled.description,
        offers=settled.offers,
        competitors=settled.competitors,
        authors=facts.authors(request, ()),
        notes=tuple(notes),
    )
