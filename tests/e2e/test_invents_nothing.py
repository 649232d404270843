"""The finished article of the bundled sample site: nothing in it is made up, and everything in it works."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from importlib import resources
from typing import Any
from urllib.parse import urlsplit

import httpx
import lxml.html
import msgspec
import pytest

import blog_writer.sample_site
from stage_workers import extractive

VOID = {"img", "meta", "br", "hr", "link", "input"}
CONNECTIVES = (
    "headlines",
    "headline_related",
    "teaser",
    "teaser_one",
    "teaser_related",
    "answer_lead",
    "answer_lead_related",
    "introduction",
    "attribution",
    "section_leads",
    "page_question",
    "page_heading",
)
KEYWORDS = ("energy efficiency", "heat pump")


class Nesting(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:  # noqa: ARG002  the base class's signature
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag


@pytest.fixture(scope="module", params=KEYWORDS)
def result(request: pytest.FixtureRequest, system: Any, site: str) -> dict[str, Any]:
    """The result of a completed job on the sample site."""
    job_id = system.submit(primary_keyword=request.param, company_url=site)
    finished = system.wait_for(job_id, "completed", "failed")
    assert finished["status"] == "completed", finished
    return dict(finished["result"])


@pytest.fixture(scope="module")
def words_of_site(site: str) -> dict[str, str]:
    """The words of each page that the site serves, as its author wrote them: read without the project's code."""
    pages = blog_writer.sample_site.pages(site)
    return {
        site + path: readable(page.body)
        for path, page in pages.items()
        if page.content_type.startswith("text/html")
    }


def readable(html: bytes) -> str:
    tree = lxml.html.document_fromstring(html)
    for element in tree.xpath("//script | //style"):
        element.drop_tree()
    return flat(tree.text_content())


def flat(text: str) -> str:
    return " ".join(text.split())


def connectives() -> list[re.Pattern[str]]:
    """The labelled connectives of the phrase file, their gaps open."""
    phrases = msgspec.toml.decode((resources.files(extractive) / "phrase_files" / "en.toml").read_bytes())
    values = (phrases[name] for name in CONNECTIVES)
    templates = [text for value in values for text in ([value] if isinstance(value, str) else value)]
    spoken = [text for text in templates if text != "{keyword}"]
    return [
        re.compile(re.sub(r"\\\{\w+\\\}", ".+", re.escape(text)) + r"\Z", re.IGNORECASE) for text in spoken
    ]


def texts(tree: Any) -> Iterator[tuple[str, list[str], str]]:
    """Yield each text of the article with the numbers it cites and its element's name."""
    for element in tree.xpath(
        "//p[not(@class='byline')] | //li[not(ancestor::nav) and not(ancestor::footer)] | //td | //th"
    ):
        marks = element.xpath(".//a[@class='citation']")
        numbers = [mark.text_content().strip("[]") for mark in marks]
        for mark in marks:
            mark.drop_tree()
        yield flat(element.text_content()), numbers, element.tag


def test_every_sentence_stands_on_the_page_that_it_cites(
    result: dict[str, Any], words_of_site: dict[str, str]
) -> None:
    pages = {str(citation["number"]): words_of_site[citation["url"]] for citation in result["citations"]}
    everywhere = " ".join(words_of_site.values())
    joints = connectives()
    checked = 0
    for text, numbers, tag in texts(lxml.html.fromstring(result["html_content"])):
        if tag in {"td", "th"}:
            assert text in everywhere, text
        elif any(joint.match(text) for joint in joints):
            assert not numbers, f"a connective cites a source: {text}"
        else:
            cited = [pages[number] for number in numbers]
            assert cited, f"no source: {text}"
            for sentence in sentences(text, joints):
                assert any(bare(sentence) in bare(page) for page in cited), sentence
                checked += 1
    assert checked > 40


def sentences(text: str, joints: list[re.Pattern[str]]) -> list[str]:
    """Divide a text where sentences end; a connective that leads into it is taken off."""
    parts = re.split(r"(?<=[.!?:])\s+(?=[A-Z“])", text)
    for count in (2, 1):
        if len(parts) > count and any(joint.match(" ".join(parts[:count])) for joint in joints):
            return parts[count:]
    return parts


def bare(text: str) -> str:
    """Leave what an item of a list loses at its end: the comma or the word that joined it to the next."""
    return flat(text).rstrip(" .,;")


def test_headings_and_questions_are_the_pages_own_or_labelled(
    result: dict[str, Any], words_of_site: dict[str, str]
) -> None:
    tree = lxml.html.fromstring(result["html_content"])
    everywhere = " ".join(words_of_site.values())
    joints = connectives()
    around = {"Contents", "Key takeaways", "Frequently asked questions", "People also ask", "Sources"}
    for heading in map(flat, tree.xpath("//h1/text() | //h2/text() | //h3/text()")):
        known = heading in around or heading in everywhere
        assert known or any(joint.match(heading) for joint in joints), heading


def test_each_citation_points_at_a_page_the_site_serves_and_quotes_it(
    result: dict[str, Any], words_of_site: dict[str, str]
) -> None:
    assert [citation["number"] for citation in result["citations"]] == list(
        range(1, len(result["citations"]) + 1)
    )
    for citation in result["citations"]:
        words = words_of_site[citation["url"]]
        first_line = citation["quote"].splitlines()[0].strip("| #-*")
        assert all(part.strip() in words for part in first_line.split("|")), citation
        if citation.get("author"):
            assert citation["author"] in words
        if citation.get("published"):
            page = httpx.get(citation["url"], trust_env=False).text
            assert f'datetime="{citation["published"]}"' in page, "the date is not the page's"


def test_every_link_of_the_article_answers(result: dict[str, Any], site: str) -> None:
    tree = lxml.html.fromstring(result["html_content"])
    ids = set(tree.xpath("//@id"))
    links = set(tree.xpath("//a/@href"))
    assert {link[1:] for link in links if link.startswith("#")} <= ids
    outside = {link.partition("#")[0] for link in links if not link.startswith("#")}
    assert {urlsplit(link).netloc for link in outside} == {urlsplit(site).netloc}
    for link in sorted(outside | set(tree.xpath("//img/@src"))):
        assert httpx.get(link, trust_env=False).status_code == 200, link
    assert {link["url"] for link in result["internal_links"]} <= outside


def test_the_article_is_whole(result: dict[str, Any], system: Any) -> None:
    for text in (result["html_content"], httpx.get(result["article_url"], trust_env=False).text):
        parser = Nesting()
        parser.feed(text)
        parser.close()
        assert parser.open == []
    assert result["aeo_score"] >= 75
    assert result["quality_passed"] is True
    assert len(result["meta_title"]) <= 55
    assert len(result["meta_description"]) <= 130


def test_the_structured_data_of_the_stored_page_parses_and_agrees(result: dict[str, Any]) -> None:
    tree = lxml.html.document_fromstring(httpx.get(result["article_url"], trust_env=False).text)
    (script,) = tree.xpath("//script[@type='application/ld+json']/text()")
    data = json.loads(script)
    assert data == result["json_ld"]
    assert {each["@type"] for each in data} == {"Article", "BreadcrumbList", "FAQPage"}
    asked = {item["name"] for item in data[2]["mainEntity"]}
    assert asked == {item["question"] for item in (*result["faq"], *result["paa"])}


def test_no_sentence_comes_twice(result: dict[str, Any]) -> None:
    said = [
        sentence
        for text, _, tag in texts(lxml.html.fromstring(result["html_content"]))
        if tag in {"p", "li"}
        for sentence in sentences(text, [])
    ]
    twice = {sentence for sentence in said if said.count(sentence) > 1}
    assert not twice
