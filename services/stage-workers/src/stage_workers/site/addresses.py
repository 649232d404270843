"""Addresses of a site's pages: which belong to it, which are pages, which to read first."""

import re
from collections.abc import Iterable
from functools import cache
from importlib import resources
from pathlib import PurePosixPath
from typing import Literal
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

import msgspec

Kind = Literal["home", "about", "product", "article", "contact", "legal", "other"]


class _Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kinds: dict[Kind, frozenset[str]]
    questions: dict[Literal["names"], frozenset[str]]
    listings: dict[Literal["names"], frozenset[str]]
    skipped: dict[Literal["names", "endings"], frozenset[str]]


_QUOTAS: dict[Kind, int] = {"about": 3, "product": 4, "article": 6, "contact": 1, "other": 2}
_SLUG_BREAKS = re.compile(r"[-_+\s]+")


def without_fragment(url: str) -> str:
    """Return the address without its fragment, host in lower case, an empty path as ``/``; what is no address as
    it is."""
    parts = _split(url)
    return (
        url
        if not parts.netloc
        else urlunsplit((parts.scheme.lower(), parts.netloc.lower(), parts.path or "/", parts.query, ""))
    )


def is_same_site(url: str, site: str) -> bool:
    """Say whether both addresses have the same host and port, ``www.`` aside."""
    return _host(url) == _host(site)


def is_page(url: str) -> bool:
    """Say whether the address looks like a page for readers, not like a file, a form or a feed."""
    parts = _split(url)
    names = _names(url)
    is_file = PurePosixPath(parts.path).suffix.lower() in _words().skipped["endings"]
    return parts.scheme in {"http", "https"} and not is_file and _words().skipped["names"].isdisjoint(names)


def is_document(url: str) -> bool:
    """Say whether the address looks like a document of pages for readers, a PDF."""
    parts = _split(url)
    return parts.scheme in {"http", "https"} and PurePosixPath(parts.path).suffix.lower() == ".pdf"


def kind_of(url: str, home: str) -> Kind:
    """Return what a page is about, judged by the words of its path."""
    names = _names(url)
    if without_fragment(url) == without_fragment(home) or not names:
        return "home"
    return next((kind for kind, words in _words().kinds.items() if words & set(names)), "other")


def is_listing(url: str) -> bool:
    """Say whether the page seems to list other pages, like the first page of a blog."""
    return not _words().listings["names"].isdisjoint(_names(url)[-1:])


def is_questions_page(url: str) -> bool:
    """Say whether the address is that of a page of questions and answers."""
    return not _words().questions["names"].isdisjoint(_names(url)[-1:])


def path_words(url: str) -> str:
    """Return the words of the address's path."""
    return _SLUG_BREAKS.sub(" ", " ".join(_names(url)))


def title_of(url: str) -> str:
    """Return a title for a page that was not read: the words of its address."""
    names = _names(url)
    words = _SLUG_BREAKS.sub(" ", names[-1]).strip() if names else _host(url)
    return words[:1].upper() + words[1:]


def choose(urls: Iterable[str], home: str, keyword: str) -> tuple[str, ...]:
    """Return the pages to read, at most sixteen: some of each kind, those whose address names the keyword first."""
    wanted = {word for word in _SLUG_BREAKS.split(keyword.casefold()) if word}
    known = list(dict.fromkeys(urls))
    order = sorted(known, key=lambda url: -len(wanted & set(_SLUG_BREAKS.split(" ".join(_names(url))))))
    chosen = []
    for kind, quota in _QUOTAS.items():
        chosen += [url for url in order if kind_of(url, home) == kind][:quota]
    return tuple(chosen)


def _names(url: str) -> list[str]:
    path = unquote(_split(url).path).casefold()
    return [name.partition(".")[0] for name in path.split("/") if name]


def _split(url: str) -> SplitResult:
    """Return the address's parts, all empty when it is none: pages link to anything."""
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")


def _host(url: str) -> str:
    return _split(url).netloc.lower().removeprefix("www.")


@cache
def _words() -> _Words:
    text = (resources.files(__package__) / "addresses.toml").read_text(encoding="utf-8")
    return msgspec.toml.decode(text, type=_Words)
