"""Words of pages: plain text out of Markdown, and whether some words stand on a page."""

import re

# Pages are strangers' text: each pattern looks at a character a bounded number of times.
_LINK = re.compile(r"!?\[([^\[\]]{0,500})\]\([^()\s]{0,2000}(?:\s\"[^\"]{0,200}\")?\)")
_EMPHASIS = re.compile(r"\*\*|__|`|(?<![\w*])\*(?=\S)|(?<=\S)\*(?![\w*])|(?<!\w)_(?=\S)|(?<=\S)_(?!\w)")
_ESCAPE = re.compile(r"\\([\\`*_{}\[\]()#+\-.!|>])")
_MARK = re.compile(r"(?:#{1,6}|[-*+•>]|\d{1,3}[.)])\s+")
_CLAUSE_END = re.compile(r"(?<=[.!?])(?=\s)|[,;:](?=\s)|\s[–—](?=\s)")
_MOST_OF_IT = 0.6
_RULE_CHARACTERS = frozenset(" \t|:-")


def plain(text: str) -> str:
    """Return inline Markdown without emphasis, links and escapes, white space made single."""
    unlinked = _LINK.sub(r"\1", text)
    return " ".join(_ESCAPE.sub(r"\1", _EMPHASIS.sub("", unlinked)).split())


def bare(markdown: str) -> str:
    """Return the words of whole Markdown blocks, without the marks of headings, lists and tables too."""
    lines = (line.strip() for line in markdown.splitlines())
    kept = (line for line in lines if "--" not in line or not _RULE_CHARACTERS.issuperset(line))
    return plain("\n".join(_without_mark(line) for line in kept).replace("|", " "))


def contains(page_text: str, words: str) -> bool:
    """Say whether ``words`` stand on the page in this order, as they are but for white space and Markdown."""
    return bare(words) in bare(page_text)


def word_count(text: str) -> int:
    """Return the number of words, divided by white space."""
    return len(text.split())


def clip(text: str, limit: int) -> str:
    """Return ``text`` cut at a word's end to at most ``limit`` characters."""
    if len(text) <= limit:
        return text
    head = text[: limit + 1].rpartition(" ")[0]
    return (head or text[:limit]).rstrip(" ,;:–-")


def clip_clause(text: str, limit: int) -> str:
    """Return ``text`` cut to at most ``limit`` characters where a sentence or a clause ends, if that keeps the most
    of it; else at a word's end."""
    if len(text) <= limit:
        return text
    ends = [found.start() for found in _CLAUSE_END.finditer(text, 0, limit + 2)]
    longest = max((end for end in ends if end <= limit), default=0)
    return text[:longest] if longest >= _MOST_OF_IT * limit else clip(text, limit)


def _without_mark(line: str) -> str:
    mark = _MARK.match(line)
    return line[mark.end() :] if mark else line
