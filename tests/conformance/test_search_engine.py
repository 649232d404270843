"""SearchEngine: the site's own pages and fixed hits."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from stage_workers.adapters.fakes import FixedSearch, MemoryPages
from stage_workers.adapters.site_search import SiteSearch
from stage_workers.errors import Transient
from stage_workers.ports import Hit, Page

PATHS = ("/", "/guides/bicycle-chain", "/faq")


@pytest.fixture(params=["site", "fixed"])
def engine(request: pytest.FixtureRequest, served: Any) -> Any:
    if request.param == "site":
        return SiteSearch(served.fetcher)
    titles = ("How do you look after a bicycle chain?", "Questions", "The workshop")
    urls = (PATHS[1], PATHS[2], PATHS[0])
    return FixedSearch(
        [
            Hit(url=served.url + url, title=title, snippet=title)
            for url, title in zip(urls, titles, strict=True)
        ]
    )


async def search(
    engine: Any, served: Any, query: str = "bicycle chain lasts", limit: int = 8
) -> tuple[Hit, ...]:
    pages = tuple(served.url + path for path in PATHS)
    found: tuple[Hit, ...] = await engine.search(query, site=f"{served.url}/", pages=pages, limit=limit)
    return found


async def test_an_engine_has_a_name(engine: Any) -> None:
    assert engine.name


async def test_hits_have_addresses_and_titles_the_best_first(engine: Any, served: Any) -> None:
    hits = await search(engine, served)
    assert hits[0].url == f"{served.url}/guides/bicycle-chain"
    assert hits[0].title == "How do you look after a bicycle chain?"
    assert len({hit.url for hit in hits}) == len(hits)
    assert all(hit.snippet for hit in hits)


@pytest.mark.parametrize("limit", [1, 2])
async def test_no_more_hits_than_asked_for(engine: Any, served: Any, limit: int) -> None:
    hits = await search(engine, served)
    assert await search(engine, served, limit=limit) == hits[:limit]


async def test_the_same_query_finds_the_same(engine: Any, served: Any) -> None:
    assert await search(engine, served) == await search(engine, served)


async def test_any_query_can_be_asked(engine: Any, served: Any) -> None:
    for query in ("", "?", "日本語", "a" * 5000, "NOT (x OR y) AND *:*"):
        assert isinstance(await search(engine, served, query), tuple)


async def test_words_that_are_on_no_page_find_nothing_on_the_site(served: Any) -> None:
    assert await search(SiteSearch(served.fetcher), served, "quantum chromodynamics") == ()


async def test_a_site_that_cannot_be_read_may_be_read_later(served: Any) -> None:
    engine = SiteSearch(served.fetcher)
    with pytest.raises(Transient):
        await engine.search(
            "x", site=served.url, pages=(f"{served.url}/broken", f"{served.url}/none"), limit=3
        )


async def test_a_site_that_can_never_be_read_has_no_hits(served: Any) -> None:
    engine = SiteSearch(served.fetcher)
    pages = (f"{served.url}/denied", f"{served.url}/none")
    for _ in range(2):
        assert await engine.search("x", site=served.url, pages=pages, limit=3) == ()


async def test_a_page_that_cannot_be_read_hides_no_other(served: Any) -> None:
    pages = (f"{served.url}/broken", f"{served.url}/guides/bicycle-chain")
    hits = await SiteSearch(served.fetcher).search("bicycle chain", site=served.url, pages=pages, limit=3)
    assert [hit.url for hit in hits] == [pages[1]]


async def test_pages_without_words_are_not_found_and_hide_no_other() -> None:
    mute = Page(
        url="http://site.test/mute", title="", text="— … !", fetched_at=datetime(2026, 3, 2, tzinfo=UTC)
    )
    speaking = msgspec.structs.replace(mute, url="http://site.test/chain", text="A chain wears.")
    engine = SiteSearch(MemoryPages({mute.url: mute, speaking.url: speaking}))
    assert await engine.search("chain", site=mute.url, pages=(mute.url,), limit=3) == ()
    hits = await engine.search("chain", site=mute.url, pages=(mute.url, speaking.url), limit=3)
    assert [hit.url for hit in hits] == [speaking.url]
