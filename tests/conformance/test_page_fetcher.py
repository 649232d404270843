"""PageFetcher: real HTTP and memory."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from stage_workers.errors import FetchFailed
from stage_workers.ports import Page


async def test_a_page_says_where_it_answered_and_what_stands_on_it(served: Any) -> None:
    page = await served.fetcher.page(f"{served.url}/")
    assert page.url == f"{served.url}/"
    assert page.title == "The workshop for everyday bicycles"
    assert "A bicycle chain is replaced in half an hour" in page.text
    assert f"{served.url}/faq" in page.links
    assert page.fetched_at.tzinfo is not None


async def test_a_page_can_be_recorded_and_read_again(served: Any) -> None:
    page = await served.fetcher.page(f"{served.url}/faq")
    assert msgspec.json.decode(msgspec.json.encode(page), type=Page) == page


async def test_a_page_read_twice_is_the_same(served: Any) -> None:
    first = await served.fetcher.page(f"{served.url}/faq")
    assert await served.fetcher.page(f"{served.url}/faq") == first


async def test_links_have_no_fragments_and_are_absolute(served: Any) -> None:
    page = await served.fetcher.page(f"{served.url}/")
    assert all(link.startswith("http") and "#" not in link for link in page.links)


async def test_a_fragment_does_not_make_another_page(served: Any) -> None:
    assert (await served.fetcher.page(f"{served.url}/faq#top")).url == f"{served.url}/faq"


@pytest.mark.parametrize(
    ("path", "code", "transient"),
    [("/none", "http_404", False), ("/denied", "robots_denied", False), ("/broken", "http_500", True)],
)
async def test_a_page_that_cannot_be_read_fails_with_a_code(
    served: Any, path: str, code: str, transient: bool
) -> None:
    with pytest.raises(FetchFailed) as caught:
        await served.fetcher.page(served.url + path)
    assert (caught.value.code, caught.value.transient) == (code, transient)
    assert caught.value.url == served.url + path
    assert served.url + path in caught.value.reason


async def test_the_sitemap_gives_the_sites_pages_up_to_a_limit(served: Any) -> None:
    pages = await served.fetcher.sitemap(f"{served.url}/", limit=10)
    assert pages == tuple(served.url + path for path in ("/", "/guides/bicycle-chain", "/faq"))
    assert await served.fetcher.sitemap(f"{served.url}/", limit=2) == pages[:2]
