"""The bundled sample site is a sound small web site: links, sitemap, robots, HTML, JSON-LD."""

import json
import re
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from urllib.parse import urldefrag, urljoin, urlsplit
from xml.etree import ElementTree as ET

import httpx
import pytest

from blog_writer.sample_site import pages, serve_sample_site

VOID = {"meta", "link", "br", "hr", "img", "input"}


class Document(HTMLParser):
    """Balanced tags, links, ids, text and JSON-LD of one page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.texts: dict[str, list[str]] = {}
        self.attributes: dict[str, dict[str, str | None]] = {}
        self.feed(text)
        self.close()
        assert self.open == [], f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.attributes[f"meta {found.get('name')}" if tag == "meta" else tag] = found
        if tag not in VOID:
            self.open.append(tag)
        if found.get("href"):
            self.links.append(str(found["href"]))
        if found.get("id"):
            self.ids.add(str(found["id"]))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts.setdefault(self.open[-1], []).append(data)


@pytest.fixture
async def site() -> AsyncIterator[httpx.AsyncClient]:
    async with serve_sample_site() as base, httpx.AsyncClient(base_url=base, trust_env=False) as client:
        yield client


def base_of(client: httpx.AsyncClient) -> str:
    return str(client.base_url).rstrip("/")


HTML_PATHS = sorted(
    path for path, page in pages("http://x").items() if page.content_type.startswith("text/html")
)
PUBLIC_PATHS = [path for path in HTML_PATHS if not path.startswith("/internal/")]


async def test_every_link_and_fragment_of_every_page_leads_somewhere(site: httpx.AsyncClient) -> None:
    documents = {path: Document((await site.get(path)).text) for path in HTML_PATHS}
    for path, document in documents.items():
        for link in document.links:
            url, fragment = urldefrag(urljoin(base_of(site) + path, link))
            assert url.startswith(base_of(site)), f"{path} links to another site: {link}"
            assert (await site.get(url)).status_code == 200, f"{path} has a dead link: {link}"
            assert not fragment or fragment in documents[urlsplit(url).path].ids, f"{path}: no {link}"


async def test_the_sitemap_lists_every_public_page_and_nothing_else(site: httpx.AsyncClient) -> None:
    robots = (await site.get("/robots.txt")).text
    address = re.findall(r"^Sitemap: (.+)$", robots, re.MULTILINE)[0]
    answer = await site.get(address)
    assert answer.headers["content-type"].startswith("application/xml")
    listed = [element.text for element in ET.fromstring(answer.text).iterfind(".//{*}loc")]  # noqa: S314 - our own file
    assert sorted(map(str, listed)) == sorted(base_of(site) + path for path in PUBLIC_PATHS)
    assert {(await site.get(str(url))).status_code for url in listed} == {200}


async def test_robots_keeps_one_existing_page_away_from_crawlers(site: httpx.AsyncClient) -> None:
    assert "Disallow: /internal/" in (await site.get("/robots.txt")).text.splitlines()
    assert (await site.get("/internal/visit-schedule")).status_code == 200


@pytest.mark.parametrize("path", PUBLIC_PATHS)
async def test_a_public_page_has_language_title_description_and_no_placeholder_left(
    site: httpx.AsyncClient, path: str
) -> None:
    text = (await site.get(path)).text
    document = Document(text)
    assert document.attributes["html"]["lang"] == "en-GB"
    assert 10 < len(document.texts["title"][0]) < 70
    assert 70 < len(str(document.attributes["meta description"]["content"])) < 160
    assert "fictional company" in text
    assert "{{" not in text


@pytest.mark.parametrize("path", [path for path in PUBLIC_PATHS if re.match(r"/(guides|blog)/.+", path)])
async def test_an_article_is_long_enough_asks_questions_and_names_its_author(
    site: httpx.AsyncClient, path: str
) -> None:
    document = Document((await site.get(path)).text)
    prose = " ".join(text for tag in ("p", "li", "td", "h2") for text in document.texts.get(tag, []))
    assert 350 <= len(prose.split()) <= 900
    assert sum(heading.endswith("?") for heading in document.texts["h2"]) >= 4
    (article,) = json.loads(document.texts["script"][0])["@graph"]
    assert article["@type"] == "Article"
    assert article["headline"] == document.texts["h1"][0]
    assert article["author"]["name"] in document.texts["a"]
    assert article["url"] == base_of(site) + path


async def test_the_questions_page_has_short_answers_that_its_json_ld_repeats(site: httpx.AsyncClient) -> None:
    document = Document((await site.get("/faq")).text)
    (faq,) = json.loads(document.texts["script"][0])["@graph"]
    assert len(faq["mainEntity"]) >= 8
    for question in faq["mainEntity"]:
        assert question["name"] in document.texts["h2"]
        answer = question["acceptedAnswer"]["text"]
        assert answer in document.texts["p"]
        assert 40 <= len(answer.split()) <= 70


async def test_an_unknown_path_is_404_and_head_has_no_body(site: httpx.AsyncClient) -> None:
    assert (await site.get("/no-such-page")).status_code == 404
    assert (await site.get("/../__init__.py")).status_code == 404
    head = await site.head("/about")
    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["content-length"]) > 1000


async def test_two_sites_run_side_by_side_each_with_its_own_address(site: httpx.AsyncClient) -> None:
    async with serve_sample_site() as other, httpx.AsyncClient(base_url=other, trust_env=False) as second:
        assert other != base_of(site)
        assert other in (await second.get("/robots.txt")).text
        assert other not in (await site.get("/robots.txt")).text
