"""The whole system on pages that give orders to machines, with writers that obey: no order reaches what it publishes."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from threading import Event, Thread
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import lxml.html
import pytest

from blog_writer.fake_model import FakeModel, serve_fake_model
from blog_writer.fake_web import FakeWeb, HostileSite, serve_fake_web, serve_hostile_site
from blog_writer.fake_web.hostile import hostile_pages

CANARIES = {page.name: page.canary for page in hostile_pages()}
SECONDS = 100


class World(NamedTuple):
    """Everything that the system reads and asks."""

    model: FakeModel
    web: FakeWeb
    hostile: HostileSite


class Published(NamedTuple):
    """What came of a job, and every word of it that anybody gets to see."""

    result: dict[str, Any]
    words: str
    sites: frozenset[str]
    unread: frozenset[str]
    own: bool
    """Whether the hostile pages are the company's."""


@contextmanager
def served() -> Iterator[World]:
    """Serve it from a thread of its own."""
    started, stop, found = Event(), Event(), []

    async def serve() -> None:
        async with AsyncExitStack() as stack:
            model = await stack.enter_async_context(serve_fake_model())
            web = await stack.enter_async_context(serve_fake_web())
            hostile = await stack.enter_async_context(serve_hostile_site())
            found.append(World(model, web, hostile))
            started.set()
            await asyncio.to_thread(stop.wait)

    thread = Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert started.wait(30)
    try:
        yield found[0]
    finally:
        stop.set()
        thread.join(30)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with served() as running:
        running.model.gullible = True
        running.web.search.add(running.hostile.documents)
        yield running


@pytest.fixture(scope="module")
def publish(new_system: Callable[..., Any], world: World) -> Callable[[str, str], Published]:
    """Write an article with a kind of writer for a company; the job reads all the hostile pages."""
    systems: dict[str, Any] = {}

    def written(writer: str, company_url: str) -> Published:
        if writer not in systems:
            systems[writer] = new_system(
                BLOG_WRITER_LANGUAGE_MODEL=writer,
                BLOG_WRITER_MODEL="fake-writer" if writer != "extractive" else "",
                BLOG_WRITER_MODEL_URL=f"{world.model.url}/v1" if writer != "extractive" else "",
                BLOG_WRITER_MODEL_KEY="fake-key" if writer != "extractive" else "",
                BLOG_WRITER_SEARCH="searxng",
                BLOG_WRITER_SEARCH_URL=world.web.search.url,
            )
        return _written(systems[writer], world, company_url)

    return written


def _written(system: Any, world: World, company_url: str) -> Published:
    job_id = system.submit(
        primary_keyword="energy efficiency",
        company_url=company_url,
        company_name="Hollin Moor Energy Notes",
        source_urls=list(world.hostile.addresses),
    )
    status = system.wait_for(job_id, "completed", "failed", seconds=SECONDS)
    assert status["status"] == "completed", status
    result = status["result"]
    files = [system.http.get(urlsplit(result[name]).path).text for name in ("article_url", "markdown_url")]
    words = "\n".join((json.dumps(status), *files, json.dumps(system.events(job_id))))
    addresses = (world.hostile.url, company_url, system.url, *(site.url for site in world.web.publishers))
    unread = re.findall(rf"not read: {re.escape(world.hostile.url)}/(\S+) .{{0,60}}\(hostile_text\)", words)
    return Published(
        result,
        words.casefold(),
        frozenset(urlsplit(each).netloc for each in addresses),
        frozenset(unread),
        company_url == world.hostile.url,
    )


@pytest.fixture(scope="module")
def by_rules(publish: Callable[[str, str], Published], site: str) -> Published:
    return publish("extractive", site)


@pytest.fixture(scope="module")
def by_a_gullible_model(publish: Callable[[str, str], Published], site: str) -> Published:
    return publish("openai-compatible", site)


@pytest.fixture(scope="module")
def of_a_hostile_company(publish: Callable[[str, str], Published], world: World) -> Published:
    return publish("openai-compatible", world.hostile.url)


JOBS = ("by_rules", "by_a_gullible_model", "of_a_hostile_company")


@pytest.fixture(scope="module", params=JOBS)
def published(request: pytest.FixtureRequest) -> Published:
    found: Published = request.getfixturevalue(request.param)
    return found


@pytest.mark.parametrize("name", CANARIES)
def test_nothing_of_an_order_reaches_what_is_published(published: Published, name: str) -> None:
    assert CANARIES[name] not in published.words
    assert "collector.invalid" not in published.words


def test_pages_that_give_orders_are_noted_and_others_are_still_quoted(published: Published) -> None:
    result = published.result
    assert len(published.unread) >= 20, result["notes"]
    cited = {urlsplit(citation["url"]).path.strip("/") for citation in result["citations"]}
    assert cited.isdisjoint(published.unread)
    if not published.own:  # a company's own pages are no evidence beside others
        assert cited & CANARIES.keys(), "no page was read whose order was taken out"


def test_links_and_images_lead_to_the_company_to_sources_and_to_the_store(published: Published) -> None:
    tree = lxml.html.fromstring(published.result["html_content"])
    targets = {str(each) for each in (*tree.xpath("//@href"), *tree.xpath("//@src"))}
    outside = {urlsplit(each).netloc for each in targets if not each.startswith("#")}
    assert outside <= published.sites
    cited = {citation["url"] for citation in published.result["citations"]}
    assert cited <= targets
