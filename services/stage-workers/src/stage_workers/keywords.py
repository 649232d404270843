"""How often a text names its keyword: grammatical endings and typography aside, as a reader counts."""

from __future__ import annotations

import re
from collections.abc import Iterable

LOWEST_DENSITY, HIGHEST_DENSITY = 0.5, 1.5
"""Keyword occurrences in a hundred words: fewer miss the subject, more read like spam."""
_WORD = re.compile(r"\w+")
_ENDINGS = ("ungen", "ings", "ies", "ung", "ing", "en", "es", "er", "s", "n", "e", "y")
_SHORTEST_STEM = 4
_NO_SPACES = frozenset({"zh", "ja", "th", "lo", "km", "my"})


def words(text: str) -> list[str]:
    """Return the words of ``text``, without case."""
    return _WORD.findall(text.casefold())


def fold(word: str) -> str:
    """Return the word without its endings, so that ``chains`` meets ``chain``. Crude and the same for all languages."""
    while True:
        fitting = (ending for ending in _ENDINGS if word.endswith(ending))
        ending = next((each for each in fitting if len(word) - len(each) >= _SHORTEST_STEM), None)
        if ending is None:
            return word
        word = word.removesuffix(ending)


def occurrences(text: str, keyword: str) -> int:
    """Return how often the keyword's words stand in the text, one after the other, not counting a word twice."""
    wanted, found = [fold(word) for word in words(keyword)], [fold(word) for word in words(text)]
    count = at = 0
    while wanted and at <= len(found) - len(wanted):
        same = found[at : at + len(wanted)] == wanted
        count += same
        at += len(wanted) if same else 1
    return count


def density(texts: Iterable[str], keyword: str, language: str) -> float | None:
    """Return how many of a hundred words begin the keyword; None where words cannot be counted."""
    known = list(texts)
    length = sum(len(words(text)) for text in known)
    if not length or language.split("-", maxsplit=1)[0].lower() in _NO_SPACES:
        return None
    return 100 * sum(occurrences(text, keyword) for text in known) / length
