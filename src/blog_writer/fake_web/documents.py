"""The pages of the made-up web: files in ``pages``, a folder for each publisher, in a little Markdown."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from html import escape
from importlib import resources
from typing import NamedTuple


class Publication(NamedTuple):
    """A made-up publisher or firm."""

    name: str
    language: str = "en-GB"


PUBLISHERS = {
    "consumer-notes": Publication("Threlkeld Consumer Notes"),
    "northreach": Publication("Northreach Building Physics Group"),
    "quill-and-meter": Publication("Quill and Meter Magazine"),
    "tenants-union": Publication("Brackenwood Union of Tenants"),
    "warmth-institute": Publication("Fernquist Institute of Warmth"),
    "wohnwerk": Publication("Stiftung Wohnwerk Falkenmoor", "de-DE"),
    "mieterblatt": Publication("Mieterblatt Tannried", "de-DE"),
    "lindgrund": Publication("Energieberatung Lindgrund", "de-DE"),
    "maison-claire": Publication("Institut Maison Claire de Vaubriac", "fr-FR"),
    "cahiers-du-logis": Publication("Les Cahiers du Logis de Morvelle", "fr-FR"),
    "atelier-brisard": Publication("Atelier Thermique Brisard", "fr-FR"),
}
_BYLINES = {"en": "By", "de": "Von", "fr": "Par"}
_DISCLAIMERS = {
    "en": "is made up, like its people and figures.",
    "de": "ist erdacht, wie seine Menschen und Zahlen.",
    "fr": "est imaginaire, comme ses personnes et ses chiffres.",
}


class Document(NamedTuple):
    """One page."""

    url: str
    title: str
    author: str
    published: str
    text: str
    """Paragraphs and ``##`` headings, divided by empty lines."""


def publishers(languages: Collection[str]) -> tuple[str, ...]:
    """Return the names of the folders of publishers in these languages, each two letters."""
    return tuple(name for name, each in PUBLISHERS.items() if each.language[:2] in languages)


def documents(publisher: str, base: str) -> tuple[Document, ...]:
    """Return a publisher's pages as served at ``base``."""
    folder = resources.files(__name__.rpartition(".")[0]) / "pages" / publisher
    files = sorted((entry.name, entry.read_text(encoding="utf-8")) for entry in folder.iterdir())
    return tuple(_document(f"{base}/{_path(name)}", text) for name, text in files)


def _path(name: str) -> str:
    """Return a file's path on its site; a firm's first page is ``index``."""
    stem = name.removesuffix(".md")
    return "" if stem == "index" else stem


def _document(url: str, text: str) -> Document:
    head, _, body = text.partition("\n\n")
    title, _, byline = head.removeprefix("# ").partition("\n")
    author, _, published = byline.partition(" ")[2].rpartition(", ")
    return Document(url, title, author, published, body.strip())


def html(document: Document, publisher: str, links: Sequence[Document]) -> str:
    """Return a page, with links to others."""
    parts = "\n".join(_blocks(document.text))
    others = "".join(
        f'<li><a href="{escape(each.url)}">{escape(each.title)}</a></li>'
        for each in links
        if each != document
    )
    name, language = PUBLISHERS[publisher]
    author, title, code = escape(document.author), escape(document.title), language[:2]
    return f"""<!DOCTYPE html>
<html lang="{language}"><head><meta charset="utf-8"><title>{title}</title>
<meta name="author" content="{author}"><meta property="og:site_name" content="{name}">
<meta property="article:published_time" content="{document.published}"></head>
<body><main><article><h1>{title}</h1>
<p class="byline">{_BYLINES[code]} {author}, <time datetime="{document.published}">{document.published}</time></p>
{parts}
</article></main>
<footer><ul>{others}</ul><p>{name} {_DISCLAIMERS[code]}</p></footer></body></html>
"""


def _blocks(text: str) -> Iterator[str]:
    for block in text.split("\n\n"):
        heading = block.removeprefix("## ")
        yield f"<p>{escape(block)}</p>" if heading == block else f"<h2>{escape(heading)}</h2>"
