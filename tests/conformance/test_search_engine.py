"""SearchEngine: the site's own pages, two engines of the web over HTTP, and fixed hits."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Thread
from typing import Any

import msgspec
import pytest

from blog_writer.fake_web import FakeSearch, Fault
from blog_writer.fake_web.documents import Document
from blog_writer.fake_web.search import RETRY_AFTER
from stage_workers.adapters.brave import Brave
from stage_workers.adapters.fakes import FixedSearch, MemoryPages
from stage_workers.adapters.search_http import LONGEST_QUERY, hits
from stage_workers.adapters.searxng import SearXNG
from stage_workers.adapters.site_search import SiteSearch
from stage_workers.errors import Permanent, PortError, Transient
from stage_workers.ports import Hit, Page

PATHS = ("/", "/guides/bicycle-chain", "/faq")
KEY = "fake-key-of-the-test"


TITLES = ("How do you look after a bicycle chain?", "The workshop for everyday bicycles", "Questions")
TEXTS = (
    "A bicycle chain lasts, and a bicycle chain wears.",
    "A bicycle is mended.",
    "How long does a chain last?",
)


def web_of(served: Any) -> FakeSearch:
    """Return a search engine over the pages of the small site."""
    paths = (PATHS[1], PATHS[0], PATHS[2])
    pages = [
        Document(served.url + path, title, "A. Smith", "2026-03-02", text)
        for path, title, text in zip(paths, TITLES, TEXTS, strict=True)
    ]
    return FakeSearch(pages, KEY)


@contextmanager
def running(search: FakeSearch) -> Iterator[FakeSearch]:
    thread = Thread(target=search.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield search
    finally:
        search.stopping.set()
        search.shutdown()
        thread.join(5)
        search.server_close()


@pytest.fixture
def web(served: Any) -> Iterator[FakeSearch]:
    with running(web_of(served)) as search:
        yield search


@pytest.fixture(params=["site", "searxng", "brave", "fixed"])
async def engine(request: pytest.FixtureRequest, served: Any, web: FakeSearch) -> AsyncIterator[Any]:
    if request.param in {"searxng", "brave"}:
        async with over_http(request.param, web) as opened:
            yield opened
        return
    yield SiteSearch(served.fetcher) if request.param == "site" else fixed(served)


def over_http(name: str, web: FakeSearch, seconds: float = 5, key: str = KEY) -> SearXNG | Brave:
    return SearXNG(web.url, seconds) if name == "searxng" else Brave(key, web.brave_url, seconds)


def fixed(served: Any) -> FixedSearch:
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


@pytest.fixture(params=["searxng", "brave"])
async def online(request: pytest.FixtureRequest, web: FakeSearch) -> AsyncIterator[SearXNG | Brave]:
    """Each engine that is asked over HTTP, with little patience."""
    async with over_http(request.param, web, seconds=1) as opened:
        yield opened


async def failure(engine: Any, served: Any) -> PortError:
    with pytest.raises((Transient, Permanent)) as caught:
        await search(engine, served)
    return caught.value


@pytest.mark.parametrize(
    ("fault", "kind", "code"),
    [
        (Fault.RATE_LIMITED, Transient, "search_rate_limited"),
        (Fault.SERVER_ERROR, Transient, "search_unavailable"),
        (Fault.HANGING, Transient, "search_timeout"),
        (Fault.DRIPPING, Transient, "search_timeout"),
        (Fault.CUT, Transient, "search_unreachable"),
        (Fault.HTML, Transient, "search_malformed"),
        (Fault.EMPTY, Transient, "search_malformed"),
        (Fault.OTHER_JSON, Transient, "search_malformed"),
        (Fault.ENDLESS, Transient, "search_malformed"),
        (Fault.FORBIDDEN, Permanent, "search_key"),
        (Fault.MOVED, Permanent, "search_request"),
    ],
)
async def test_a_search_that_goes_wrong_ends_soon_and_says_how(
    online: Any, web: FakeSearch, served: Any, fault: Fault, kind: type[PortError], code: str
) -> None:
    web.faults.append(fault)
    began = time.monotonic()
    problem = await failure(online, served)
    assert time.monotonic() - began < 4
    assert (type(problem), problem.code) == (kind, code)
    assert online.name in problem.reason
    assert KEY not in problem.reason
    assert (await search(online, served))[0].url == f"{served.url}/guides/bicycle-chain"


async def test_an_engine_that_asks_to_wait_is_waited_for(online: Any, web: FakeSearch, served: Any) -> None:
    web.faults.append(Fault.RATE_LIMITED)
    assert (await failure(online, served)).after_seconds == RETRY_AFTER


async def test_nothing_found_is_no_failure(online: Any, web: FakeSearch, served: Any) -> None:
    web.faults.append(Fault.NOTHING_FOUND)
    assert await search(online, served) == ()
    assert await search(online, served, "quantum chromodynamics") == ()


async def test_an_engine_that_is_away_may_come_back(served: Any) -> None:
    with running(web_of(served)) as web:
        engines = [over_http(name, web) for name in ("searxng", "brave")]
    for engine in engines:
        async with engine:
            problem = await failure(engine, served)
        assert (type(problem), problem.code) == (Transient, "search_unreachable")


async def test_a_search_that_is_cancelled_closes_its_connection(
    online: Any, web: FakeSearch, served: Any
) -> None:
    web.faults.append(Fault.HANGING)
    await failure(online, served)  # its time being up cancels the call
    assert web.hung_up.wait(5)


async def test_a_query_is_never_longer_than_engines_take_and_an_empty_one_is_not_sent(
    online: Any, web: FakeSearch, served: Any
) -> None:
    await search(online, served, "chain " * 500)
    assert await search(online, served, " \n ") == ()
    (sent,) = web.queries
    assert 0 < len(sent) <= LONGEST_QUERY


@pytest.mark.parametrize(
    ("language", "country", "searxng", "brave"),
    [
        ("de", "AT", "de-AT", ("de", "AT")),
        ("en-GB", "GB", "en-GB", ("en", "GB")),
        ("nl", "", "nl", ("nl", "ALL")),
        ("", "XX", "all", (None, "ALL")),
        ("tlh", "Kronos", "tlh", (None, "ALL")),
    ],
)
async def test_the_readers_language_and_country_are_passed_on_where_the_engine_knows_them(
    web: FakeSearch, language: str, country: str, searxng: str, brave: tuple[str | None, str]
) -> None:
    for name in ("searxng", "brave"):
        async with over_http(name, web) as engine:
            await engine.search("chain", site="", pages=(), limit=3, language=language, country=country)
    one, other = (asked.parameters for asked in web.asked)
    assert one["language"] == searxng
    assert (other.get("search_lang"), other["country"]) == brave


async def test_brave_refuses_a_wrong_key_for_good_and_it_is_not_said(web: FakeSearch, served: Any) -> None:
    async with over_http("brave", web, key="wrong-key") as engine:
        problem = await failure(engine, served)
    assert (type(problem), problem.code) == (Permanent, "search_key")
    assert "wrong-key" not in problem.reason


async def test_an_instance_without_json_is_told_from_others(web: FakeSearch, served: Any) -> None:
    web.faults.append(Fault.FORBIDDEN)
    async with over_http("searxng", web) as engine:
        assert "search.formats" in (await failure(engine, served)).reason


def test_what_is_no_web_address_is_no_hit_and_markup_is_no_text() -> None:
    found = [
        ("javascript:alert(1)", "x", "y"),
        ("file:///etc/passwd", "x", "y"),
        (None, "x", "y"),
        (f"https://a.test/{'x' * 3000}", "x", "y"),
        ("https://a.test/", "<strong>Chains</strong> &amp; more", None),
        ("https://a.test/", "again", ""),
        ("https://b.test/", 7, {"no": "text"}),
    ]
    assert hits(found, 5) == (
        Hit(url="https://a.test/", title="Chains & more"),
        Hit(url="https://b.test/", title="https://b.test/"),
    )


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
