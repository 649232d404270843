"""Pages that give orders to the machines that read them (prompt injection).

A model that reads such a page may obey it. Its reader gets nothing from it that other pages do not say better, so it is
not read at all. This is a list of known ways to do so, not a proof that there is no other.
"""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from importlib import resources
from urllib.parse import unquote_plus

import msgspec

from stage_workers.characters import seen
from stage_workers.ports import Page

_ENCODED = re.compile(r"[A-Za-z0-9+/]{24,}={0,2}")
_MOST_ENCODED = 50
_MOST_CHARACTERS = 400_000
"""Of a page: more than any prompt holds."""
_PART, _OVERLAP = 8_000, 1_000
_ESCAPE = re.compile(r"\\(?=[^\w\s]|_)")
_EMPHASIS = re.compile(r"[*_`]+")
_SPACE = re.compile(r"[^\S\n]+")
_ADDRESS_BREAKS = re.compile(r"[-_+/=&?#.]+")


class _Orders(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Regular expressions, by language or kind, over text in lower case."""

    words: dict[str, tuple[str, ...]]
    marks: dict[str, tuple[str, ...]]
    """Of chat templates, tools and wrappers: found in the text as it stands, but for its case."""


def gives_orders(page: Page) -> bool:
    """Whether a page's text, title, address or any other fact about it speaks to machines. Takes CPU: call it in a
    thread."""
    facts = (page.title, page.description, page.author or "", page.site_name or "", _address_words(page.url))
    return any(is_order(text) for text in (*facts, *_parts(page.text)))


def _parts(text: str) -> Iterator[str]:
    """Yield a text in parts that overlap: other threads run between them."""
    for start in range(0, min(len(text), _MOST_CHARACTERS), _PART):
        yield text[max(0, start - _OVERLAP) : start + _PART]


def is_order(text: str) -> bool:
    """Whether a text holds an order to a machine, plain or in base64."""
    whole = seen(text)
    return _is_plain_order(whole) or any(map(_is_plain_order, _decoded(whole)))


def addresses_machines(url: str) -> bool:
    """Whether the words of an address are an order to a machine."""
    return is_order(_address_words(url))


def _is_plain_order(text: str) -> bool:
    known = _ESCAPE.sub("", unicodedata.normalize("NFKC", text).casefold())
    spoken = _SPACE.sub(" ", _EMPHASIS.sub("", known))
    words, marks = _patterns()
    return bool(words.search(spoken) or marks.search(known))


def _decoded(text: str) -> Iterator[str]:
    """Yield what the base64 of a text says, where it says something in letters."""
    for found in list(_ENCODED.findall(text))[:_MOST_ENCODED]:
        try:
            yield base64.b64decode(found + "=" * (-len(found) % 4)).decode()
        except (binascii.Error, UnicodeDecodeError):
            continue


def _address_words(url: str) -> str:
    return _ADDRESS_BREAKS.sub(" ", unquote_plus(url))


@cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str]]:
    text = (resources.files(__package__) / "injection.toml").read_text(encoding="utf-8")
    orders = msgspec.toml.decode(text, type=_Orders)
    return _any_of(orders.words), _any_of(orders.marks)


def _any_of(groups: dict[str, tuple[str, ...]]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{each})" for group in groups.values() for each in group), re.MULTILINE)
