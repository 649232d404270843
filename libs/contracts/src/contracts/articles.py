"""The parts of an article as they pass between stages."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

from contracts.usage import Usage


class Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of the article's parts: immutable, and unknown fields are skipped."""


class Sentence(Part, frozen=True, kw_only=True):
    """One sentence. It stands on sources, or is a connective that claims nothing."""

    text: str
    source_ids: tuple[str, ...] = ()
    connective: bool = False


class Paragraph(Part, frozen=True, kw_only=True, tag="paragraph"):
    sentences: tuple[Sentence, ...]


class BulletList(Part, frozen=True, kw_only=True, tag="list"):
    items: tuple[Sentence, ...]
    ordered: bool = False


class Table(Part, frozen=True, kw_only=True, tag="table"):
    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    source_ids: tuple[str, ...] = ()


Block = Paragraph | BulletList | Table


class Section(Part, frozen=True, kw_only=True):
    heading: str
    blocks: tuple[Block, ...]


class QuestionAnswer(Part, frozen=True, kw_only=True):
    question: str
    answer: tuple[Sentence, ...]


class Quote(Part, frozen=True, kw_only=True):
    """Words that stood on a page when it was fetched."""

    text: str
    heading: str = ""
    """The heading they stood under."""


class Source(Part, frozen=True, kw_only=True):
    """A page that was fetched and may be cited."""

    source_id: str
    """``s1``, ``s2``, …: unique in one article."""
    url: str
    title: str
    kind: Literal["company", "given", "web"]
    quotes: tuple[Quote, ...]
    published: str | None = None
    """ISO date, when the page states one."""
    author: str | None = None
    fetched_at: datetime | None = None


class Author(Part, frozen=True, kw_only=True):
    name: str
    url: str | None = None
    role: str | None = None


class SitePage(Part, frozen=True, kw_only=True):
    """A page that exists on the company's site."""

    url: str
    title: str
    summary: str = ""
    kind: Literal["home", "about", "product", "article", "contact", "legal", "other"] = "other"


class Draft(Part, frozen=True, kw_only=True):
    """The structured article, each claim tied to its sources."""

    headline: str
    teaser: str
    direct_answer: tuple[Sentence, ...]
    """40 to 60 words that answer the keyword's question."""
    intro: tuple[Sentence, ...]
    sections: tuple[Section, ...]
    takeaways: tuple[Sentence, ...] = ()
    faq: tuple[QuestionAnswer, ...] = ()
    paa: tuple[QuestionAnswer, ...] = ()
    """People also ask."""
    generator: str = ""
    """Which language model adapter wrote it."""
    changes: tuple[str, ...] = ()
    """What it does differently than the round before, because of that round's findings."""


class Citation(Part, frozen=True, kw_only=True):
    """A numbered source at the end of the article."""

    number: int
    source_id: str
    url: str
    title: str
    quote: str
    author: str | None = None
    published: str | None = None


class DroppedClaim(Part, frozen=True, kw_only=True):
    text: str
    url: str
    reason: str


class ReplacedSource(Part, frozen=True, kw_only=True):
    """A claim whose own sources did not bear it and another one does."""

    text: str
    source_ids: tuple[str, ...]
    """What it stands on now."""
    url: str = ""
    """What it stood on."""
    reason: str = ""


class InternalLink(Part, frozen=True, kw_only=True):
    section: int
    """Index into the draft's sections."""
    anchor_text: str
    """Words of that section that carry the link."""
    url: str
    title: str


class TocEntry(Part, frozen=True, kw_only=True):
    label: str
    anchor: str
    """The heading's id, without ``#``."""
    section: int


class Image(Part, frozen=True, kw_only=True):
    role: Literal["hero", "mid", "bottom"]
    name: str
    """File name in the article's folder of the store."""
    url: str
    alt: str
    width: int
    height: int
    content_type: str
    generator: str


class ScorePart(Part, frozen=True, kw_only=True):
    name: str
    points: float
    maximum: float
    reason: str = ""


class Finding(Part, frozen=True, kw_only=True):
    """Something a gate found. A critical one rejects the round whatever the score."""

    code: str
    message: str
    critical: bool = False
    where: str = ""


class RoundReport(Part, frozen=True, kw_only=True):
    """What the gate said of one round."""

    round: int
    score: float
    passed: bool
    findings: tuple[Finding, ...] = ()
    chosen: bool = False
    """Whether this round's article is the one that goes on."""
    changes: tuple[str, ...] = ()
    """What was done differently than in the round before."""


class Article(Part, frozen=True, kw_only=True):
    """Everything the publish stage needs, assembled."""

    draft: Draft
    citations: tuple[Citation, ...]
    internal_links: tuple[InternalLink, ...]
    toc: tuple[TocEntry, ...]
    faq: tuple[QuestionAnswer, ...]
    paa: tuple[QuestionAnswer, ...]
    images: tuple[Image, ...]
    meta_title: str
    meta_description: str
    slug: str
    reading_time_minutes: int
    author: Author | None = None


class ArticleReference(Part, frozen=True, kw_only=True):
    """An earlier article of the same tenant, to compare with."""

    slug: str
    headline: str
    primary_keyword: str
    job_id: str = ""
    fingerprint: str = ""
    """Of its text; empty for articles from before there were any."""


class Revision(Part, frozen=True, kw_only=True):
    """What the review prompts changed in one passage of the article."""

    passage: str
    """``opening``, ``questions``, or the heading that the section had."""
    diff: str
    """Unified diff of its words: a line for each sentence, heading, question and row of a table."""
    changes: tuple[str, ...] = ()
    """What the writer says of it, a line each."""


class QualityReport(Part, frozen=True, kw_only=True):
    passed: bool
    score: float
    parts: tuple[ScorePart, ...] = ()
    rounds: tuple[RoundReport, ...] = ()
    notes: tuple[str, ...] = ()


class ArticleResult(Part, frozen=True, kw_only=True, omit_defaults=False):
    """A finished article: the ``result`` of a completed job, in the status answer and in the webhook."""

    success: bool
    job_id: str
    headline: str
    html_content: str
    markdown_content: str
    aeo_score: float
    word_count: int
    meta_title: str
    meta_description: str
    slug: str
    primary_keyword: str
    language: str
    country: str
    generator: str
    citations: tuple[Citation, ...]
    teaser: str = ""
    direct_answer: str = ""
    image_url: str | None = None
    image_alt_text: str | None = None
    images: tuple[Image, ...] = ()
    sections: tuple[Section, ...] = ()
    key_takeaways: tuple[Sentence, ...] = ()
    table_of_contents: tuple[TocEntry, ...] = ()
    faq: tuple[QuestionAnswer, ...] = ()
    paa: tuple[QuestionAnswer, ...] = ()
    """People also ask."""
    internal_links: tuple[InternalLink, ...] = ()
    json_ld: list[dict[str, Any]] = []
    article_url: str | None = None
    """Where the stored HTML lies."""
    markdown_url: str | None = None
    reading_time_minutes: int = 0
    published_at: datetime | None = None
    company_name: str | None = None
    company_url: str | None = None
    author: Author | None = None
    quality_passed: bool = False
    quality_report: QualityReport | None = None
    revisions: tuple[Revision, ...] = ()
    """What the review prompts changed, passage by passage."""
    similarity_score: float = 0.0
    """0 to 100: likeness to the most similar known article."""
    fingerprint: str = ""
    """What later articles of the tenant are compared with."""
    similar_to: str | None = None
    is_potential_duplicate: bool = False
    index: bool = True
    client_info: dict[str, Any] | None = None
    usage: Usage | None = None
    """What the article cost; the status has it too, and before the end."""
    notes: tuple[str, ...] = ()
    """What a reader of the result should know: pages that were unreachable, claims that were dropped."""
