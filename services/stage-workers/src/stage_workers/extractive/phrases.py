"""Connectives and word lists, one data file a language."""

from functools import cache
from importlib import resources

import msgspec

FALLBACK = "en"
_FOLDER = "phrase_files"


class Phrases(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the extractive writer says itself in one language. The templates claim nothing."""

    leaning_starts: frozenset[str]
    """First words of sentences that lean on the one before."""
    leaning_words: frozenset[str]
    """Words that point to something elsewhere on the page."""
    leaning_phrases: tuple[str, ...]
    """Parts of sentences that point to something named before, in lower case."""
    leaning_headings: frozenset[str]
    """Pronouns with which a heading needs its page to be understood."""
    own_voice: frozenset[str]
    """Words by which the company speaks of itself."""
    joining: frozenset[str]
    """Words that join the items of a list, as its last but one may end with."""
    questions_page: str
    """What titles of pages of questions and answers say, in lower case."""
    boilerplate: tuple[str, ...]
    """Marks of text about the web page itself."""
    headlines: tuple[str, ...]
    """For articles from the company's pages, the longest first: the first that fits is taken."""
    headline_related: str
    headlines_many: tuple[str, ...]
    """For articles from other sources too."""
    teaser: str
    teaser_one: str
    teaser_related: str
    teaser_many: str
    answer_lead: str
    answer_lead_related: str
    """For a keyword that no page covers."""
    introduction: str
    attribution: str
    section_leads: tuple[str, ...]
    """Above sections, in turn, where the article names its keyword too rarely."""
    page_question: str
    page_heading: str
    questions: tuple[str, ...]
    aspects: tuple[str, ...]
    audience: str
    angle: str
    commercial: frozenset[str]
    transactional: frozenset[str]
    navigational: frozenset[str]


def languages() -> frozenset[str]:
    """Return the languages that have phrases."""
    folder = resources.files(__package__) / _FOLDER
    return frozenset(
        entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml")
    )


@cache
def phrases(language: str) -> Phrases:
    """Return the phrases of a BCP 47 language, English ones when there are none."""
    name = language.split("-", maxsplit=1)[0].lower()
    chosen = name if name in languages() else FALLBACK
    text = (resources.files(__package__) / _FOLDER / f"{chosen}.toml").read_text(encoding="utf-8")
    return msgspec.toml.decode(text, type=Phrases)
