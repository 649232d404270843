"""The pages of the made-up web: files in ``pages``, a folder for each publisher, in a little Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from importlib import resources
from typing import NamedTuple

PUBLISHERS = {
    "consumer-notes": "Threlkeld Consumer Notes",
    "northreach": "Northreach Building Physics Group",
    "quill-and-meter": "Quill and Meter Magazine",
    "tenants-union": "Brackenwood Union of Tenants",
    "warmth-institute": "Fernquist Institute of Warmth",
}


class Document(NamedTuple):
    """One page."""

    url: str
    title: str
    author: str
    published: str
    text: str
    """Paragraphs and ``##`` headings, divided by empty lines."""


def publishers() -> tuple[str, ...]:
    """Return the names of the publishers' folders."""
    return tuple(PUBLISHERS)


def documents(publisher: str, base: str) -> tuple[Document, ...]:
    """Return a publisher's pages as served at ``base``."""
    folder = resources.files(__name__.rpartition(".")[0]) / "pages" / publisher
    files = sorted((entry.name, entry.read_text(encoding="utf-8")) for entry in folder.iterdir())
    return tuple(_document(f"{base}/{name.removesuffix('.md')}", text) for name, text in files)


def _document(url: str, text: str) -> Document:
    head, _, body = text.partition("\n\n")
    title, _, byline = head.removeprefix("# ").partition("\n")
    author, _, published = byline.removeprefix("By ").rpartition(", ")
    return Document(url, title, author, published, body.strip())


def html(document: Document, publisher: str, links: Sequence[Document]) -> str:
    """Return a page, with links to others."""
    parts = "\n".join(_blocks(document.text))
    others = "".join(
        f'<li><a href="{escape(each.url)}">{escape(each.title)}</a></li>'
        for each in links
        if each != document
    )
    author, name, title = escape(document.author), escape(PUBLISHERS[publisher]), escape(document.title)
    return f"""<!DOCTYPE html>
<html lang="en-GB"><head><meta charset="utf-8"><title>{title}</title>
<meta name="author" content="{author}"><meta property="og:site_name" content="{name}">
<meta property="article:published_time" content="{document.published}"></head>
<body><main><article><h1>{title}</h1>
<p class="byline">By {author}, <time datetime="{document.published}">{document.published}</time></p>
{parts}
</article></main>
<footer><ul>{others}</ul><p>{name} is made up, like its people and figures.</p></footer></body></html>
"""


def _blocks(text: str) -> Iterator[str]:
    for block in text.split("\n\n"):
        heading = block.removeprefix("## ")
        yield f"<p>{escape(block)}</p>" if heading == block else f"<h2>{escape(heading)}</h2>"
