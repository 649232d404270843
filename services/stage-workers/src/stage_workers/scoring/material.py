"""What is scored, and what the modules share."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import resources

import msgspec

from contracts.articles import Article, ScorePart, Sentence, Source, Table
from contracts.jobs import ArticleRequest
from contracts.stages import CompanyOutput
from stage_workers.article_text import answers, draft_sentences
from stage_workers.evidence import without_evidence


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
    source_urls: frozenset[str] = frozenset()
    """Addresses of the pages that were fetched as sources."""
    barred: frozenset[str] = frozenset()
    """Ids of sources that may not be cited."""
    authorities: tuple[str, ...] = ()
    """Hosts whose word counts in the readers' country."""

    @property
    def cited(self) -> frozenset[str]:
        """The sources that have a number."""
        return frozenset(citation.source_id for citation in self.article.citations)

    def sentences(self) -> Iterator[Sentence]:
        """Yield the article's sentences, its own questions' answers included."""
        yield from draft_sentences(msgspec.structs.replace(self.article.draft, faq=(), paa=()))
        yield from answers(self.article.faq)
        yield from answers(self.article.paa)

    def prose(self) -> Iterator[str]:
        """Yield what is read as the article's text: headline, headings, questions and sentences."""
        article = self.article
        yield article.draft.headline
        yield from (section.heading for section in article.draft.sections)
        yield from (sentence.text for sentence in self.sentences())
        yield from (item.question for item in (*article.faq, *article.paa))

    def texts(self) -> Iterator[str]:
        """Yield every text that a reader or a search engine sees, but for the sources' titles and the contents."""
        article, draft = self.article, self.article.draft
        yield from (draft.teaser, article.meta_title, article.meta_description)
        yield from self.prose()
        tables = (block for section in draft.sections for block in section.blocks if isinstance(block, Table))
        yield from (text for table in tables for text in _cells(table))

    @property
    def markers(self) -> Markers:
        """The words of the article's language; English ones when it has none of its own."""
        known = markers()
        return known.get(self.language.split("-")[0].lower(), known["en"])


def gathered(
    article: Article,
    request: ArticleRequest,
    company: CompanyOutput,
    sources: Iterable[Source],
    authorities: tuple[str, ...] = (),
) -> Material:
    """Return an article with what a job knows of its surroundings."""
    known = tuple(sources)
    return Material(
        article,
        request.primary_keyword,
        request.language,
        company,
        frozenset(sibling.url for sibling in request.batch_siblings if sibling.url),
        frozenset((*(source.url for source in known), *(citation.url for citation in article.citations))),
        frozenset(without_evidence(known, company)),
        authorities,
    )


def _cells(table: Table) -> Iterator[str]:
    yield table.caption
    for row in (table.header, *table.rows):
        yield from row


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
