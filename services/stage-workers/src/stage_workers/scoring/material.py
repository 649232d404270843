"""What is scored, and what the modules share."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from functools import cache
from importlib import resources

import msgspec

from contracts.articles import Article, ScorePart, Sentence
from contracts.stages import CompanyOutput
from stage_workers.article_text import answers, draft_sentences


class Markers(msgspec.Struct, frozen=True):
    """Words of a language that mark a way of speaking. Matched as whole words, without case."""

    second_person: frozenset[str]
    experience: frozenset[str]
    hedges: frozenset[str]
    question_words: frozenset[str]


class Material(msgspec.Struct, frozen=True):
    """An article, and what it is measured against."""

    article: Article
    keyword: str
    language: str
    company: CompanyOutput
    sibling_urls: frozenset[str] = frozenset()
    """Addresses of other articles of the batch."""

    @property
    def cited(self) -> frozenset[str]:
        """The sources that have a number."""
        return frozenset(citation.source_id for citation in self.article.citations)

    def sentences(self) -> Iterator[Sentence]:
        """Yield the article's sentences, its own questions' answers included."""
        yield from draft_sentences(msgspec.structs.replace(self.article.draft, faq=(), paa=()))
        yield from answers(self.article.faq)
        yield from answers(self.article.paa)

    @property
    def markers(self) -> Markers:
        """The words of the article's language; English ones when it has none of its own."""
        known = markers()
        return known.get(self.language.split("-")[0].lower(), known["en"])


@cache
def markers() -> dict[str, Markers]:
    """Return the marker words of all languages."""
    text = resources.files(__package__).joinpath("markers.toml").read_text()
    return msgspec.convert(tomllib.loads(text), dict[str, Markers])


def part(name: str, maximum: float, share: float, reason: str) -> ScorePart:
    """Return a part that reached ``share`` (0 to 1) of its points."""
    return ScorePart(
        name=name, maximum=maximum, points=round(maximum * min(max(share, 0.0), 1.0), 2), reason=reason
    )


def share_of(count: int, whole: int, enough: float = 1.0) -> float:
    """Return how much of ``enough`` (a share) is reached; an empty whole reaches nothing."""
    return 0.0 if whole == 0 else count / whole / enough
