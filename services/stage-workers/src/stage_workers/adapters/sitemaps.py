"""A site's own list of pages, read by a sitemap library that asks our fetcher for every document."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from usp.fetch_parse import SitemapFetcher
from usp.objects.sitemap import AbstractSitemap
from usp.web_client.abstract_client import (
    AbstractWebClient,
    AbstractWebClientResponse,
    AbstractWebClientSuccessResponse,
    WebClientErrorResponse,
)

from stage_workers.adapters.http_get import Fetched
from stage_workers.errors import FetchFailed

Get = Callable[[str], Awaitable[Fetched]]

MOST_DOCUMENTS = 20
"""Sitemap files read for one site: indexes may name thousands."""
TOTAL_SECONDS = 30.0


async def addresses(get: Get, origin: str, named: tuple[str, ...], limit: int) -> tuple[str, ...]:
    """Return at most ``limit`` page addresses of the site itself, from the sitemaps ``named`` or the usual place."""
    loop = asyncio.get_running_loop()
    client = _Client(get, loop)
    found: dict[str, None] = {}
    try:
        async with asyncio.timeout(TOTAL_SECONDS):
            for url in named or (f"{origin}/sitemap.xml",):
                pages = await asyncio.to_thread(_pages, client, url, limit)
                found |= dict.fromkeys(
                    page for page in pages if urlsplit(page).netloc == urlsplit(origin).netloc
                )
    except TimeoutError:
        client.stop()
    return tuple(found)[:limit]


def _pages(client: _Client, url: str, limit: int) -> list[str]:
    sitemap: AbstractSitemap = SitemapFetcher(url, recursion_level=0, web_client=client).sitemap()
    pages: list[str] = []
    for page in sitemap.all_pages():
        pages.append(page.url)
        if len(pages) >= limit:
            break
    return pages


class _Client(AbstractWebClient):
    """Lets the library, which runs in a thread, fetch through our event loop."""

    def __init__(self, get: Get, loop: asyncio.AbstractEventLoop) -> None:
        self._get = get
        self._loop = loop
        self._left = MOST_DOCUMENTS

    def stop(self) -> None:
        """Fetch nothing more."""
        self._left = 0

    def set_max_response_data_length(self, max_response_data_length: int | None) -> None:
        """Do nothing: the fetcher's own cap is lower."""

    def get(self, url: str) -> AbstractWebClientResponse:
        """Return the document, or an error that the library takes for a missing one."""
        self._left -= 1
        if self._left < 0:
            return WebClientErrorResponse("enough sitemaps were read", retryable=False)
        try:
            fetched = asyncio.run_coroutine_threadsafe(_await(self._get(url)), self._loop).result()
        except FetchFailed as error:
            return WebClientErrorResponse(error.reason, retryable=False)
        return _Response(fetched)


async def _await(action: Awaitable[Fetched]) -> Fetched:
    return await action


class _Response(AbstractWebClientSuccessResponse):
    def __init__(self, fetched: Fetched) -> None:
        self._fetched = fetched

    def status_code(self) -> int:
        return 200

    def status_message(self) -> str:
        return "OK"

    def header(self, case_insensitive_name: str) -> str | None:
        return self._fetched.content_type if case_insensitive_name.lower() == "content-type" else None

    def raw_data(self) -> bytes:
        return self._fetched.body

    def url(self) -> str:
        return self._fetched.url
