"""The stages' ports: what stands in for an adapter in tests keeps the adapter's promises."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from chassis.egress import networks
from stage_workers.adapters.fakes import MemoryPages
from stage_workers.adapters.pages import HttpPageFetcher
from stage_workers.errors import FetchFailed
from stage_workers.ports import Page

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LOOPBACK = networks(("127.0.0.0/8",), "")
PATHS = ("/", "/guides/bicycle-chain", "/faq")


class Served:
    """A fetcher and the site it can read."""

    def __init__(self, fetcher: Any, url: str) -> None:
        self.fetcher = fetcher
        self.url = url


@pytest.fixture(scope="session")
def small_site(hostile: Any) -> Iterator[str]:
    """A well-behaved site of three pages with a sitemap; /denied is forbidden, /broken answers 500."""

    async def habit(site: Any, path: str) -> None:
        if path == "/sitemap.xml":
            entries = "".join(f"<url><loc>{site.site.url}{each}</loc></url>" for each in PATHS)
            document = f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{entries}</urlset>'
            await site.answer(document.encode(), "application/xml")
        elif path == "/robots.txt":
            await site.answer(b"User-agent: *\nDisallow: /denied\n", "text/plain")
        elif path == "/broken":
            await site.head(500, Content_Length="0")
        else:
            await hostile.ordinary(site, path)

    with hostile.served(habit) as site:
        yield site.url


def as_memory(url: str) -> MemoryPages:
    """Return the same site in memory."""
    titles = ("The workshop for everyday bicycles", "How do you look after a bicycle chain?", "Questions")
    texts = (
        "A bicycle chain is replaced in half an hour.",
        "A bicycle chain lasts.",
        "How long does a chain last?",
    )
    pages: dict[str, Page | FetchFailed] = {
        url + path: Page(url=url + path, title=title, text=text, links=(f"{url}/faq",), fetched_at=NOW)
        for path, title, text in zip(PATHS, titles, texts, strict=True)
    }
    pages[f"{url}/denied"] = FetchFailed(f"{url}/denied", "robots_denied", f"{url}/denied", transient=False)
    pages[f"{url}/broken"] = FetchFailed(f"{url}/broken", "http_500", f"{url}/broken", transient=True)
    return MemoryPages(pages, [url + path for path in PATHS])


@pytest.fixture(params=["http", "memory"])
async def served(request: pytest.FixtureRequest, small_site: str) -> AsyncIterator[Served]:
    """Each page fetcher, over the same site."""
    if request.param == "memory":
        yield Served(as_memory(small_site), small_site)
        return
    async with HttpPageFetcher("blog-writer/0.1", allowed=LOOPBACK) as fetcher:
        yield Served(fetcher, small_site)
