"""What is rendered: an article and the facts around it."""

from __future__ import annotations

import tomllib
from datetime import date, datetime
from functools import cache
from importlib import resources

import msgspec

from contracts.articles import Article
from stage_workers.markets import choose


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
    country: str = ""

    def written(self, day: str | None) -> str:
        """Return an ISO date as the article's readers write it; what is none, as it is."""
        try:
            known = date.fromisoformat((day or "")[:10])
        except ValueError:
            return day or ""
        return choose(self.language, self.country).market.written(known)

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
