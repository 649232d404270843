"""What is rendered: an article and the facts around it."""

from __future__ import annotations

import tomllib
from datetime import datetime
from functools import cache
from importlib import resources

import msgspec

from contracts.articles import Article


class Labels(msgspec.Struct, frozen=True):
    """The words around an article in its language."""

    contents: str
    takeaways: str
    faq: str
    paa: str
    sources: str
    source: str
    by: str
    minutes: str
    home: str


class Edition(msgspec.Struct, frozen=True, kw_only=True):
    """An article, ready for print."""

    article: Article
    language: str
    keyword: str
    company_name: str
    company_url: str
    published_at: datetime
    index: bool

    @property
    def labels(self) -> Labels:
        """The labels of the article's language; English ones when it has none of its own."""
        known = labels()
        return known.get(self.language.split("-")[0].lower(), known["en"])


@cache
def labels() -> dict[str, Labels]:
    """Return the labels of all languages."""
    text = resources.files(__package__).joinpath("labels.toml").read_text()
    return msgspec.convert(tomllib.loads(text), dict[str, Labels])
