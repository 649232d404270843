"""A site's own list of pages, read by a sitemap library that asks our fetcher for every document."""

from __future__ import annotations

import asyncio
import contextlib
import zlib
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

from stage_workers.adapters.http_get import MOST_BYTES, Fetched
from stage_workers.errors import FetchFailed

Get = Callable[[str], Awaitable[Fetched]]

MOST_DOCUMENTS = 20
"""Sitemap files read for one site: indexes may name thousands."""
TOTAL_SECONDS = 30.0
_GZIP_MARK = b"\x1f\x8b"


async def addresses(get: Get, origin: str, named: tuple[str, ...], limit: int) -> tuple[str, ...]:
    """Return at most ``limit`` page addresses of the site itself, from the sitemaps ``named`` or the usual place."""
    loop = asyncio.get_running_loop()
    client = _Client(get, loop)
    found: dict[str, None] = {}
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TOTAL_SECONDS):
                for url in named[:MOST_DOCUMENTS] or (f"{origin}/sitemap.xml",):
                    pages = await asyncio.to_thread(_pages, client, url, limit)
                    found |= dict.fromkeys(page for page in pages if _host(page) == _host(origin))
    finally:
        client.stop()
    return tuple(found)[:limit]


def _host(url: str) -> str:
    """Return the host and port; nothing of an address that is none."""
    try:
        return urlsplit(url).netloc
    except ValueError:
        return ""


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
        if fetched.body.startswith(_GZIP_MARK) and not _unpacks_small(fetched.body):
            return WebClientErrorResponse("the sitemap is too large or no gzip", retryable=False)
        return _Response(fetched)


def _unpacks_small(data: bytes) -> bool:
    """Whether packed data stays within what is read of a page: the library would take twenty times as much."""
    try:
        return len(zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(data, MOST_BYTES + 1)) <= MOST_BYTES
    except zlib.error:
        return False


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
