"""Pages that give orders to machines, read by the real page fetcher: nothing of an order is left, or the page is unread."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from blog_writer.fake_model.exchange import Answered, Asked
from blog_writer.fake_model.gullible import obeying, wanted
from blog_writer.fake_web import HostileSite, serve_hostile_site
from blog_writer.fake_web.hostile import HostilePage, hostile_pages
from chassis.egress import networks
from stage_workers.adapters.pages import HttpPageFetcher
from stage_workers.site.injection import gives_orders
from stage_workers.tasks import PageText
from stage_workers.written import material

PAGES = {page.name: page for page in hostile_pages()}
ASKED_FOR = [page for page in PAGES.values() if page.kind != "listed"]
UNREAD = {
    "ignore-previous", "new-task", "if-you-are-an-ai", "system-message", "chat-template", "instruction-tags", "dialogue",
    "fake-tool-output", "fake-tool-call", "end-of-material", "end-of-document", "competitor-praise", "fake-citation",
    "summary-poison", "german-order", "french-order", "spanish-order", "zero-width-order",
    "order-in-title", "order-in-author", "pdf-text", "pdf-metadata", "redirect-address",
}  # fmt: skip
"""Those whose order a reader could see; of the others the order is taken out."""
IN_LINKS = {"markdown-image", "link-with-data"}
"""Whose order is a link: it stands on the page, but can be quoted by nobody."""


@pytest.fixture
async def site() -> AsyncIterator[HostileSite]:
    async with serve_hostile_site() as running:
        yield running


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_a_model_that_reads_everything_would_obey_the_page(page: HostilePage) -> None:
    assert any(page.canary in each for each in wanted(page.raw))


@pytest.mark.parametrize(
    "answer",
    [
        {"quotes": []},
        {"offers": [], "name": "Firm", "description": ""},
        {"outline": [], "queries": [], "angle": ""},
        {"headline": "", "teaser": "", "intro": [], "sections": [{"heading": ""}], "faq": []},
    ],
)
def test_it_writes_an_order_into_whatever_it_is_asked_for(answer: dict[str, Any]) -> None:
    page = PAGES["ignore-previous"]
    asked = Asked((page.raw,), {}, (), (), (), 0)
    assert page.canary in obeying(asked, Answered(json.dumps(answer))).text
    with_tools = obeying(asked._replace(tools=("web_search",)), Answered("done"))
    assert any(page.canary in call.arguments["query"] for call in with_tools.calls)


def test_there_are_pages_of_each_kind_with_canaries_of_their_own() -> None:
    assert len(PAGES) >= 25
    assert len({page.canary for page in PAGES.values()}) == len(PAGES)
    assert PAGES.keys() >= UNREAD | IN_LINKS


@pytest.mark.parametrize("page", ASKED_FOR, ids=[page.name for page in ASKED_FOR])
async def test_an_order_is_taken_out_or_its_page_is_not_read(page: HostilePage, site: HostileSite) -> None:
    async with HttpPageFetcher("blog-writer/0.1", allowed=networks(("127.0.0.0/8",), "")) as fetcher:
        read = await fetcher.page(site.url + page.path)
    assert gives_orders(read) == (page.name in UNREAD)
    if page.name not in UNREAD | IN_LINKS:
        kept = (read.title, read.text, read.author, read.site_name, read.published)
        assert page.canary not in msgspec.json.encode(kept).decode()
        assert not wanted(material.page(PageText(url=read.url, title=read.title, text=read.text)))
        assert page.fact[:40] in read.text
