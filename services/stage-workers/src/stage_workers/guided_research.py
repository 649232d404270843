"""Research that a model guides: it chooses what to search and what to read, through tools.

The model that holds the tools gets titles and verified quotes, marked as data; whole pages are read by calls that
have no tools. It may read only what a search, the company's site or the client named, so that no page can make it
carry words to an address of the page's choosing. Each model call, search and page read is a checkpoint.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from string import Template
from typing import Annotated, Any

import msgspec

from contracts import codec
from contracts.stages import ResearchInput
from stage_workers.chat import Conversation, Reply, UserTurn
from stage_workers.errors import FetchFailed, Permanent, Transient
from stage_workers.ports import Hit, Page, StageContext, ToolUser
from stage_workers.reading import key, read_page
from stage_workers.site import addresses
from stage_workers.site.injection import is_order
from stage_workers.tasks import SelectedQuotes
from stage_workers.tool_loop import Function, Limits, run
from stage_workers.wording import clip
from stage_workers.written import material, prompts

LIMITS = Limits(calls=80, turns=40)
MOST_PAGES = 24
_TITLE, _QUOTE, _SHOWN_QUOTES = 120, 300, 6
_MOST_REMINDERS = 3
_LONGEST_QUERY = 300

Search = Callable[[str], Awaitable[tuple[Hit, ...]]]
Quotes = Callable[[Page], Awaitable[SelectedQuotes]]
Trusts = Callable[[str], bool]
"""Whether an address is an authority's in the readers' country."""


class WebSearch(msgspec.Struct, frozen=True):
    query: Annotated[str, msgspec.Meta(min_length=1, max_length=_LONGEST_QUERY)]


class ReadPage(msgspec.Struct, frozen=True):
    url: Annotated[str, msgspec.Meta(min_length=1, max_length=2048)]


class CompanyPages(msgspec.Struct, frozen=True):
    """No arguments."""


class Found(msgspec.Struct, frozen=True):
    """What a model's research came to; hits and pages themselves are recorded."""

    queries: tuple[str, ...] = ()
    """In the order asked."""
    pages: tuple[str, ...] = ()
    """Addresses that were read, in the order asked."""
    notes: tuple[str, ...] = ()


class Research:
    """One run of the tools: what was asked, found and read."""

    def __init__(
        self,
        inp: ResearchInput,
        ctx: StageContext,
        search: Search,
        quotes: Quotes,
        fewest: int,
        trusts: Trusts,
    ) -> None:
        self._inp = inp
        self._ctx = ctx
        self._search = search
        self._quotes = quotes
        self._fewest = fewest
        self._trusts = trusts
        self._searching = asyncio.Lock()
        """Searches go one after the other: engines limit their rate, and a crash repeats one at most."""
        self._reminders = 0
        self._still_asking = False
        self._asked: dict[str, int] = {}
        self._read: dict[str, dict[str, Any]] = {}
        self._allowed = {page.url for page in inp.company.pages} | set(inp.request.source_urls)
        self._allowed |= {addresses.without_fragment(url) for url in self._allowed}

    async def found(self, model: ToolUser) -> Found:
        """Let the model search and read until it has enough, or its calls are used up."""
        numbers = {"searches": self._fewest, "pages": MOST_PAGES // 2}
        asked = prompts.research(self._inp.request, self._inp.company, self._inp.brief, numbers)
        conversation = Conversation(system=asked.system, turns=(UserTurn(text=asked.text),))
        calls = await run(self._complete(model), conversation, self._functions(), LIMITS, self._go_on)
        notes = (f"the model's research was ended after {calls} tool calls",) if self._still_asking else ()
        read = (url for url, result in self._read.items() if "error" not in result)
        return Found(queries=tuple(self._asked), pages=tuple(read), notes=notes)

    def _complete(self, model: ToolUser) -> Callable[[Conversation], Awaitable[Reply]]:
        async def complete(conversation: Conversation) -> Reply:
            name = key("converse", codec.encode(conversation).decode())
            reply = await self._ctx.checkpoint(name, Reply, lambda: model.converse(conversation))
            self._still_asking = bool(reply.calls)
            return reply

        return complete

    def _functions(self) -> dict[str, Function]:
        return {
            "web_search": Function(
                "Search the web. Returns addresses and titles, best first, and which of them are the authorities to "
                "prefer.",
                WebSearch,
                self._web_search,
            ),
            "read_page": Function(
                "Read a page that a search or company_pages named. Returns passages that can be quoted.",
                ReadPage,
                self._read_page,
            ),
            "company_pages": Function(
                "List the pages of the company that publishes the article.", CompanyPages, self._company_pages
            ),
        }

    def _go_on(self) -> str | None:
        if len(self._asked) >= self._fewest or self._reminders >= _MOST_REMINDERS:
            return None
        self._reminders += 1
        numbers = {"searches": len(self._asked), "pages": len(self._read), "needed": self._fewest}
        return Template(prompts.instructions("research_more")).substitute(numbers)

    async def _web_search(self, asked: WebSearch) -> dict[str, Any]:
        query = " ".join(asked.query.split())
        number = self._asked.setdefault(query, len(self._asked) + 1)
        done = min(number, self._fewest) - 1
        await self._ctx.progress(f"search {number}: {query}", done, self._fewest)
        try:
            async with self._searching:
                hits = await self._search(query)
        except (Transient, Permanent) as problem:
            if problem.code == "search_key":
                raise
            return {"error": f"the search failed: {problem.code}"}
        self._allowed |= {addresses.without_fragment(hit.url) for hit in hits}
        titles = [
            f"{hit.url} {clip(' '.join(hit.title.split()), _TITLE)}"
            for hit in hits
            if not is_order(hit.title)
        ]
        results = {"results": material.texts("results", titles)}
        trusted = [hit.url for hit in hits if self._trusts(hit.url)]
        return results | ({"authorities": material.texts("authorities", trusted)} if trusted else {})

    async def _read_page(self, asked: ReadPage) -> dict[str, Any]:
        url = addresses.without_fragment(asked.url.strip())
        if url not in self._allowed:
            return {"error": "only pages that a search or company_pages named can be read"}
        if url not in self._read:
            if len(self._read) >= MOST_PAGES:
                return {"error": f"{MOST_PAGES} pages were read, which is the most"}
            self._read[url] = {"error": "it is being read"}
            await self._ctx.progress(f"page {len(self._read)}: {url}")
            self._read[url] = await self._page(url)
        return self._read[url]

    async def _page(self, url: str) -> dict[str, Any]:
        try:
            page = await read_page(url, self._ctx)
        except FetchFailed as failure:
            return {"error": f"it could not be read: {failure.code}"}
        chosen = await self._quotes(page)
        shown = [clip(" ".join(quote.split()), _QUOTE) for quote in chosen.quotes[:_SHOWN_QUOTES]]
        return {"quotes": len(chosen.quotes), "passages": material.texts("passages", shown)}

    async def _company_pages(self, _: CompanyPages) -> dict[str, Any]:
        pages = [f"{page.url} {clip(page.title, _TITLE)}" for page in self._inp.company.pages]
        return {"pages": material.texts("pages", pages)}
