"""Tokens for ranking: words without stop words, plural and other short endings folded away."""

import re
from functools import cache

from bm25s import stopwords

_WORD = re.compile(r"\w+")
_STOP_WORDS = {
    "en": stopwords.STOPWORDS_EN_PLUS,
    "de": stopwords.STOPWORDS_GERMAN,
    "fr": stopwords.STOPWORDS_FRENCH,
    "es": stopwords.STOPWORDS_SPANISH,
    "it": stopwords.STOPWORDS_ITALIAN,
    "nl": stopwords.STOPWORDS_DUTCH,
    "pt": stopwords.STOPWORDS_PORTUGUESE,
    "sv": stopwords.STOPWORDS_SWEDISH,
    "da": stopwords.STOPWORDS_DANISH,
    "no": stopwords.STOPWORDS_NORWEGIAN,
}
_ENDINGS = ("ungen", "ings", "ies", "ung", "ing", "en", "es", "er", "s", "n", "e", "y")
_SHORTEST_STEM = 4


@cache
def stop_words(language: str) -> frozenset[str]:
    return frozenset(_STOP_WORDS.get(language.split("-", maxsplit=1)[0].lower(), ()))


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
