"""Search without a search engine: ranks the company's own pages."""

from __future__ import annotations

import asyncio
import re
import time
from collections import OrderedDict
from collections.abc import Sequence

import bm25s
import msgspec

from chassis import logs
from stage_workers.errors import FetchFailed, Transient
from stage_workers.ports import Hit, Page, PageFetcher

log = logs.get_logger(__name__)

MOST_PAGES = 40
"""Pages of a site that are read for searching."""
KEPT_INDEXES = 16
"""Jobs that run at once must not make each other read their sites anew for each search."""
KEPT_SECONDS = 300.0
SNIPPET_CHARACTERS = 240
_WORD = re.compile(r"\b\w\w+\b")
"""What the index counts as a word."""


class Index(msgspec.Struct, frozen=True):
    """Pages and their BM25 weights."""

    pages: tuple[Page, ...]
    weights: bm25s.BM25 | None
    """None without pages."""


class SiteSearch:
    """The SearchEngine of the company's own site."""

    name = "site"

    def __init__(self, fetcher: PageFetcher) -> None:
        self._fetcher = fetcher
        self._reading = asyncio.Lock()
        self._indexes: OrderedDict[tuple[str, ...], tuple[float, Index]] = OrderedDict()

    async def search(
        self,
        query: str,
        *,
        site: str,
        pages: tuple[str, ...],
        limit: int,
        language: str = "",  # noqa: ARG002  the site speaks its own
        country: str = "",  # noqa: ARG002
    ) -> tuple[Hit, ...]:
        """See SearchEngine. Raises Transient when no page can be read now; a site that can't be read at all has no
        hits."""
        wanted = (pages or (site,))[:MOST_PAGES]
        index = await self._of(wanted)
        return await asyncio.to_thread(_hits, index, query, limit)

    async def _of(self, wanted: tuple[str, ...]) -> Index:
        """Return the index of these pages; a stage asks for the same ones many times.

        It is read inside the call that needs it first, so that cancelling the stage stops the reading.
        """
        async with self._reading:
            kept = self._indexes.get(wanted)
            if kept is None or time.monotonic() - kept[0] > KEPT_SECONDS:
                kept = self._indexes[wanted] = (time.monotonic(), await self._read(wanted))
            if len(self._indexes) > KEPT_INDEXES:
                self._indexes.popitem(last=False)
            return kept[1]

    async def _read(self, wanted: Sequence[str]) -> Index:
        results = await asyncio.gather(*(self._fetcher.page(url) for url in wanted), return_exceptions=True)
        pages = tuple(page for page in results if isinstance(page, Page))
        for result in results:
            if isinstance(result, BaseException) and not isinstance(result, FetchFailed):
                raise result
        if not pages and any(isinstance(each, FetchFailed) and each.transient for each in results):
            raise Transient("site_unreadable", f"none of the site's {len(wanted)} pages could be read")
        return await asyncio.to_thread(_indexed, pages)


def _indexed(pages: tuple[Page, ...]) -> Index:
    texts = [(page, _words(page)) for page in pages]
    speaking = [(page, words) for page, words in texts if _WORD.search(words)]
    if not speaking:
        return Index((), None)
    weights = bm25s.BM25()
    tokens = bm25s.tokenize([words for _, words in speaking], stopwords=None, show_progress=False)
    weights.index(tokens, show_progress=False)
    return Index(tuple(page for page, _ in speaking), weights)


def _words(page: Page) -> str:
    return f"{page.title} {page.title} {page.description} {page.text}"


def _hits(index: Index, query: str, limit: int) -> tuple[Hit, ...]:
    if index.weights is None:
        return ()
    tokens = bm25s.tokenize([query], stopwords=None, show_progress=False)
    count = min(limit, len(index.pages))
    numbers, scores = index.weights.retrieve(tokens, k=count, show_progress=False)
    return tuple(
        Hit(
            url=index.pages[number].url,
            title=index.pages[number].title,
            snippet=_snippet(index.pages[number]),
        )
        for number, score in zip(numbers[0].tolist(), scores[0].tolist(), strict=True)
        if score > 0
    )


def _snippet(page: Page) -> str:
    return (page.description or page.text)[:SNIPPET_CHARACTERS]
