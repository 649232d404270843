"""Words that carry no meaning of their own, by language."""

from functools import cache

from bm25s import stopwords

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

KNOWN = frozenset(_STOP_WORDS)
"""Languages that have a list."""


@cache
def stop_words(language: str) -> frozenset[str]:
    """Return the stop words of a BCP 47 language; none where none are known."""
    return frozenset(_STOP_WORDS.get(language.split("-", maxsplit=1)[0].lower(), ()))
