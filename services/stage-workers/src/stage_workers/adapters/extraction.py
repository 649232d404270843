"""From HTML to a page: main text as Markdown, and what the page says of itself."""

from __future__ import annotations

import json
import math
import re
from datetime import datetime
from typing import Any
from urllib.parse import urldefrag

import lxml.html
import msgspec
import trafilatura
from lxml.etree import ParserError

from stage_workers.adapters.hidden import drop_hidden
from stage_workers.characters import name, person, readable
from stage_workers.ports import Page
from stage_workers.site.addresses import title_of

MOST_LINKS = 500
LONGEST_FACT = 500
"""Characters of a title, a name or a description."""
JSON_DEPTH = 20
_LARGEST_NUMBER = 2**53
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


class Facts(msgspec.Struct):
    """What trafilatura finds about a page."""

    title: str | None = None
    author: str | None = None
    sitename: str | None = None
    date: str | None = None
    description: str | None = None


def read_page(url: str, html: str, fetched_at: datetime) -> Page | None:
    """Return the page, or None when there is no text on it. Takes CPU: call it in a thread."""
    tree = _tree(html)
    if tree is None:
        return None
    links, json_ld, language = _links(tree, url), _json_ld(tree), str(tree.get("lang") or "")
    drop_hidden(tree)
    text = _text(lxml.html.tostring(tree, encoding="unicode"))
    if not text:
        return None
    facts = _facts(html, url)
    return Page(
        url=url,
        title=name(_first(tree.xpath("//title/text()"))) or name(_short(facts.title)) or title_of(url),
        text=text,
        description=_first(tree.xpath("//meta[@name='description']/@content")) or _short(facts.description),
        language=_short(language) or None,
        author=person(_short(facts.author)),
        site_name=_first(tree.xpath("//meta[@property='og:site_name']/@content"))
        or _short(facts.sitename)
        or None,
        published=facts.date,
        links=links,
        json_ld=json_ld,
        fetched_at=fetched_at,
    )


def _tree(html: str) -> Any | None:
    try:
        return lxml.html.document_fromstring(html.encode("utf-8", "replace"), parser=_parser())
    except (ParserError, ValueError):
        return None


def _parser() -> Any:
    return lxml.html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True)


def _text(html: str) -> str:
    options: dict[str, Any] = {
        "output_format": "markdown",
        "include_comments": False,
        "include_tables": True,
        "include_links": False,
        "include_images": False,
        "favor_recall": True,
    }
    text = trafilatura.extract(html, **options) or trafilatura.html2txt(html) or ""
    return readable(_UNPRINTABLE.sub(" ", text)).strip()


def _facts(html: str, url: str) -> Facts:
    """A date only where the page states it as its own: the library would else take a year from the text."""
    found: Any = trafilatura.extract_metadata(html, default_url=url, extensive=False)
    return msgspec.convert(found, Facts, from_attributes=True) if found is not None else Facts()


def _first(values: list[str]) -> str:
    return _short(str(values[0])) if values else ""


def _short(text: str | None) -> str:
    return " ".join(readable(_UNPRINTABLE.sub(" ", text or "")).split())[:LONGEST_FACT]


def _links(tree: Any, url: str) -> tuple[str, ...]:
    tree.make_links_absolute(url, handle_failures="ignore")
    found = (urldefrag(str(link))[0] for link in tree.xpath("//a/@href"))
    return tuple(dict.fromkeys(link for link in found if link.startswith(("http://", "https://"))))[
        :MOST_LINKS
    ]


def _json_ld(tree: Any) -> tuple[dict[str, Any], ...]:
    """Return the objects of all blocks that can be read, lists and graphs opened up."""
    objects: list[dict[str, Any]] = []
    for text in map(str, tree.xpath("//script[@type='application/ld+json']/text()")):
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            continue
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict):
                graph = item.get("@graph")
                objects += (
                    [part for part in graph if isinstance(part, dict)] if isinstance(graph, list) else [item]
                )
    return tuple(_plain(each) for each in objects)


def _plain(value: Any, depth: int = 0) -> Any:
    """Return JSON that can be written again anywhere: texts printable, nothing nested without end."""
    if depth > JSON_DEPTH:
        return None
    if isinstance(value, str):
        return _UNPRINTABLE.sub(" ", value)
    if isinstance(value, list):
        return [_plain(each, depth + 1) for each in value]
    if isinstance(value, dict):
        return {_UNPRINTABLE.sub(" ", key): _plain(each, depth + 1) for key, each in value.items()}
    if isinstance(value, (int, float)):
        return value if math.isfinite(value) and abs(value) <= _LARGEST_NUMBER else None
    return value
