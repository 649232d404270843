"""The made-up web: pages that can be read and quoted, a search over them, a log of what was asked."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import httpx
import pytest

from blog_writer.fake_web import FakeWeb, serve_fake_web
from chassis.egress import networks
from stage_workers.adapters.pages import HttpPageFetcher
from stage_workers.evidence import normal, stands

DISCLAIMERS = {
    "en": "made up, like its people and figures",
    "de": "erdacht, wie seine Menschen und Zahlen",
    "fr": "imaginaire, comme ses personnes et ses chiffres",
}


@pytest.fixture
async def web() -> AsyncIterator[FakeWeb]:
    async with serve_fake_web(languages=("en", "de", "fr")) as running:
        yield running


async def test_every_page_says_what_it_is_and_leads_to_all_others(web: FakeWeb) -> None:
    pages = [page for site in web.publishers for page in site.documents]
    assert len(pages) >= 12
    async with HttpPageFetcher("blog-writer/0.1", allowed=networks(("127.0.0.0/8",), "")) as fetcher:
        for page in pages:
            read = await fetcher.page(page.url)
            assert (read.title, read.author, read.published) == (page.title, page.author, page.published)
            paragraphs = [part for part in page.text.split("\n\n") if not part.startswith("#")]
            assert all(stands(part, normal(read.text)) for part in paragraphs)
            assert {other.url for other in pages if other != page} <= set(read.links)


async def test_every_page_says_that_it_is_made_up(web: FakeWeb) -> None:
    async with httpx.AsyncClient(trust_env=False) as http:
        for site in web.publishers:
            for page in site.documents:
                text = (await http.get(page.url)).text
                assert DISCLAIMERS[re.search(r'<html lang="(..)', text)[1]] in text  # type: ignore[index]
                assert text.count("<footer>") == 1


async def test_pages_in_other_languages_are_there_when_asked_for(web: FakeWeb) -> None:
    async with serve_fake_web() as english:
        assert [site.name for site in english.publishers] == [site.name for site in web.publishers[:5]]
    assert len(web.publishers) == 11
    async with httpx.AsyncClient(trust_env=False) as http:
        firm = next(site for site in web.publishers if site.name == "lindgrund")
        assert '<html lang="de-DE">' in (await http.get(f"{firm.url}/")).text


async def test_a_search_finds_the_page_on_its_subject_and_is_logged(web: FakeWeb) -> None:
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = await http.get(
            f"{web.search.url}/search", params={"q": "bleeding radiators", "format": "json"}
        )
        refused = await http.get(f"{web.search.url}/search", params={"q": "bleeding radiators"})
    assert answer.json()["results"][0]["url"].endswith("/radiators")
    assert refused.status_code == 403
    assert web.search.queries == ["bleeding radiators"] * 2
