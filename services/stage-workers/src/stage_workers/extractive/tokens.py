"""Tokens for ranking: words without stop words, plural and other short endings folded away."""

import re

from stage_workers.stop_words import stop_words

_WORD = re.compile(r"\w+")
_ENDINGS = ("ungen", "ings", "ies", "ung", "ing", "en", "es", "er", "s", "n", "e", "y")
_SHORTEST_STEM = 4


def tokens(text: str, language: str) -> list[str]:
    """Return the words of ``text`` that carry meaning, folded; all of them if every one is a stop word."""
    words = _WORD.findall(text.casefold())
    kept = [word for word in words if word not in stop_words(language)]
    return [fold(word) for word in kept or words]


def fold(word: str) -> str:
    """Return the word without its ending, so that ``pumps`` meets ``pump``. Crude and the same for all languages."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_STEM:
            return word[: -len(ending)]
    return word


def mentions(text: str, keyword: str) -> bool:
    """Say whether all words of the keyword stand in the text, one after the other, endings aside."""
    wanted = [fold(word) for word in _WORD.findall(keyword.casefold())]
    found = [fold(word) for word in _WORD.findall(text.casefold())]
    width = len(wanted)
    return any(found[at : at + width] == wanted for at in range(len(found) - width + 1)) if wanted else False
