"""Tokens for ranking: words without stop words, plural and other short endings folded away."""

from stage_workers.keywords import fold, occurrences, words
from stage_workers.stop_words import stop_words


def tokens(text: str, language: str) -> list[str]:
    """Return the words of ``text`` that carry meaning, folded; all of them if every one is a stop word."""
    found = words(text)
    kept = [word for word in found if word not in stop_words(language)]
    return [fold(word) for word in kept or found]


def mentions(text: str, keyword: str) -> bool:
    """Say whether all words of the keyword stand in the text, one after the other, endings aside."""
    return occurrences(text, keyword) > 0
