"""Addresses, links and markup inside texts that should be plain."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from urllib.parse import urlsplit

_ADDRESS = re.compile(
    r"(?i)\b(?:(?:https?|ftp|wss?|file)://|www\.|(?:data|javascript|vbscript):(?=\S))[^\s<>\"“”()]+"
)
_MARKUP = re.compile(r"</?[a-zA-Z][^<>]*>|&(?:[a-z]+|#\d+);|\]\(https?:|\{\{|\*\*")
_IMAGE = re.compile(r"!\[[^\[\]]{0,500}\]\([^()]{0,2000}\)?|<img\b[^<>]{0,2000}>?", re.IGNORECASE)
_LINK = re.compile(r"\[([^\[\]]{0,500})\]\(([^()\s]{0,2000})(?:\s[^()]{0,500})?\)")
_EMPTY = re.compile(r"\(\s*\)|\[\s*\]|<\s*>")


def addresses(text: str) -> Iterator[str]:
    """Yield the addresses in a text, as they are written."""
    yield from _ADDRESS.findall(text)


def hosts(text: str) -> frozenset[str]:
    """Return the hosts of the addresses in a text."""
    return frozenset(map(host, addresses(text)))


def holds_markup(text: str) -> bool:
    """Whether tags, entities, links of Markdown or templates stand in a text."""
    return bool(_MARKUP.search(text))


def leads_elsewhere(text: str, known: Collection[str]) -> bool:
    """Whether a text has an image, or an address on no known host."""
    return bool(_IMAGE.search(text)) or any(host(each) not in known for each in addresses(text))


def without_foreign(text: str, known: Collection[str]) -> str:
    """Return a text without images, and without links and addresses on no known host; what a link said stays."""
    if not leads_elsewhere(text, known):
        return text
    unlinked = _LINK.sub(lambda link: link[0] if host(link[2]) in known else link[1], _IMAGE.sub("", text))
    bare = _ADDRESS.sub(lambda found: found[0] if host(found[0]) in known else "", unlinked)
    return " ".join(_EMPTY.sub("", bare).split())


def host(url: str) -> str:
    """Return an address's host without ``www.``; what is no address has none that is known."""
    try:
        name = urlsplit(url if "://" in url else f"//{url}").hostname or ""
    except ValueError:
        return url
    return name.rstrip(".,;:!?").removeprefix("www.")
