"""Words of pages: plain text out of Markdown, and whether some words stand on a page."""

import re

_LINK = re.compile(r"!?\[([^\]]*)\]\([^)\s]*(?:\s+\"[^\"]*\")?\)")
_EMPHASIS = re.compile(r"\*\*|__|`|(?<![\w*])\*(?=\S)|(?<=\S)\*(?![\w*])|(?<!\w)_(?=\S)|(?<=\S)_(?!\w)")
_ESCAPE = re.compile(r"\\([\\`*_{}\[\]()#+\-.!|>])")


def plain(text: str) -> str:
    """Return inline Markdown without emphasis, links and escapes, white space made single."""
    unlinked = _LINK.sub(r"\1", text)
    return " ".join(_ESCAPE.sub(r"\1", _EMPHASIS.sub("", unlinked)).split())


def contains(page_text: str, words: str) -> bool:
    """Say whether ``words`` stand on the page, as they are but for white space and emphasis."""
    return plain(words) in plain(page_text)


def word_count(text: str) -> int:
    """Return the number of words, divided by white space."""
    return len(text.split())


def clip(text: str, limit: int) -> str:
    """Return ``text`` cut at a word's end to at most ``limit`` characters."""
    if len(text) <= limit:
        return text
    head, _, rest = text[: limit + 1].rpartition(" ")
    return (head if rest is not None and head else text[:limit]).rstrip(" ,;:–-")
