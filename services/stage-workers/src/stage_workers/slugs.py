"""Slugs and anchors: short ASCII names made from text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection

_SPELLINGS = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "æ": "ae", "ø": "o", "å": "aa", "œ": "oe", "ł": "l"}
)
_OTHER = re.compile(r"[^a-z0-9]+")
LONGEST = 80


def slug(text: str, fallback: str = "article") -> str:
    """Return ``text`` in lower-case ASCII with hyphens, at most 80 characters, cut at a word; never empty."""
    spelled = unicodedata.normalize("NFC", text).casefold().translate(_SPELLINGS)
    plain = unicodedata.normalize("NFKD", spelled).encode("ascii", "ignore").decode()
    made = _OTHER.sub("-", plain).strip("-")
    if len(made) > LONGEST:
        made = made[: LONGEST + 1].rpartition("-")[0] or made[:LONGEST]
    return made or fallback


def unique(wanted: str, taken: Collection[str]) -> str:
    """Return ``wanted``, or the first of ``wanted-2``, ``wanted-3``, … that is not taken."""
    number, made = 1, wanted
    while made in taken:
        number += 1
        made = f"{wanted}-{number}"
    return made
