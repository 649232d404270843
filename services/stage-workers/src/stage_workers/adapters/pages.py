"""Pages over real HTTP: polite, bounded, and read in a thread."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from types import TracebackType
from typing import Self
from urllib.parse import SplitResult, urlsplit

from chassis.clock import SystemClock
from chassis.egress import Network
from stage_workers.adapters import charsets, pdf, sitemaps
from stage_workers.adapters.extraction import read_page
from stage_workers.adapters.hosts import Hosts
from stage_workers.adapters.http_get import TOTAL_SECONDS, Fetched, get, new_client
from stage_workers.adapters.robots import Robots
from stage_workers.errors import FetchFailed
from stage_workers.ports import Page

KEPT_PAGES = 200
KEPT_SECONDS = 60.0
"""Stages that follow one another quickly read a page once; later ones see it as it is then."""
_READABLE = frozenset({"text/html", "application/xhtml+xml", "text/plain", ""})


class HttpPageFetcher:
    """The PageFetcher of real web sites."""

    def __init__(
        self, user_agent: str, seconds: float = TOTAL_SECONDS, allowed: tuple[Network, ...] = ()
    ) -> None:
        self._user_agent = user_agent
        self._seconds = seconds
        self._allowed_networks = allowed
        self._clock = SystemClock()
        self._hosts = Hosts()
        self._pages: OrderedDict[str, tuple[float, Page]] = OrderedDict()
        self._robots = Robots(self._get, user_agent)

    async def __aenter__(self) -> Self:
        self._client = new_client(self._user_agent, self._seconds, self._allowed_networks)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def page(self, url: str) -> Page:
        """See PageFetcher."""
        url = _address(url)._replace(fragment="").geturl()
        kept = self._pages.get(url)
        if kept is not None and time.monotonic() - kept[0] < KEPT_SECONDS:
            return kept[1]
        page = await self._read(url, await get(self._client, url, self._allowed, self._seconds))
        self._pages[url] = (time.monotonic(), page)
        while len(self._pages) > KEPT_PAGES:
            self._pages.popitem(last=False)
        return page

    async def sitemap(self, site: str, *, limit: int) -> tuple[str, ...]:
        """See PageFetcher."""
        origin = _origin(site)
        named = await self._robots.sitemaps(origin)
        return await sitemaps.addresses(self._get, origin, named, limit)

    async def _get(self, url: str) -> Fetched:
        """Return a document that is for machines, which robots.txt does not rule."""
        return await get(self._client, url, self._turn, self._seconds)

    @asynccontextmanager
    async def _turn(self, url: str) -> AsyncIterator[None]:
        async with self._hosts.turn(_address(url).netloc.lower()):
            yield

    @asynccontextmanager
    async def _allowed(self, url: str) -> AsyncIterator[None]:
        """Ask the site's rules before each request: a redirect must not lead past them."""
        await self._robots.check(_origin(url), url)
        async with self._turn(url):
            yield

    async def _read(self, url: str, fetched: Fetched) -> Page:
        if pdf.is_pdf(fetched.body):
            return await pdf.read_pdf(fetched.url, fetched.body, self._clock.now(), self._seconds)
        if fetched.content_type not in _READABLE:
            raise FetchFailed(url, "not_html", f"{url} is {fetched.content_type}, not HTML", transient=False)
        if charsets.is_binary(fetched.body):
            raise FetchFailed(url, "not_html", f"{url} is a file, not HTML", transient=False)
        try:
            page = await asyncio.to_thread(_page, fetched, self._clock.now())
        except RecursionError as error:
            raise FetchFailed(url, "too_deep", f"{url} nests too deeply", transient=False) from error
        if page is None:
            raise FetchFailed(url, "empty_page", f"{url} has no text", transient=False)
        return page


def _address(url: str) -> SplitResult:
    """Return an address's parts. Raises FetchFailed for what is no http or https address."""
    try:
        parts = urlsplit(url)
        readable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        readable = False
    if not readable:
        raise FetchFailed(url, "invalid_url", f"{url} is no http or https address", transient=False)
    return parts


def _origin(url: str) -> str:
    """Return scheme and host of an address. Raises FetchFailed when it has none."""
    parts = _address(url)
    return f"{parts.scheme}://{parts.netloc}"


def _page(fetched: Fetched, now: datetime) -> Page | None:
    html = charsets.text(fetched.body, fetched.charset)
    return read_page(fetched.url, html, now) if html.strip() else None
