"""The thirteen stages: one typed input and one typed output each.

An input's field names say what the stage reads: ``request``, ``rounds``, ``earlier_articles``, ``usage``, or the name of
an earlier stage, whose output it then is. The orchestrator fills them by name, so nothing else describes the wiring.
"""

from __future__ import annotations

import enum
from typing import Literal

import msgspec

from contracts.articles import (
    Article,
    ArticleReference,
    ArticleResult,
    Author,
    Citation,
    Draft,
    DroppedClaim,
    Finding,
    Image,
    InternalLink,
    Part,
    QualityReport,
    QuestionAnswer,
    ReplacedSource,
    Revision,
    RoundReport,
    ScorePart,
    SitePage,
    Source,
    TocEntry,
)
from contracts.jobs import ArticleRequest
from contracts.usage import Usage


class StageId(enum.StrEnum):
    """A stage's public identifier; the value is what clients see as ``current_stage``."""

    COMPANY = "stage_00"
    BRIEF = "stage_01"
    RESEARCH = "stage_02"
    DRAFT = "stage_03"
    CITATIONS = "stage_04"
    INTERNAL_LINKS = "stage_05"
    TABLE_OF_CONTENTS = "stage_06"
    METADATA = "stage_07"
    FAQ = "stage_08"
    IMAGES = "stage_09"
    QUALITY = "stage_10"
    REVIEW = "stage_11"
    PUBLISH = "stage_12"

    @property
    def field(self) -> str:
        """The stage's name, as inputs call its output: ``company``, ``internal_links`` and so on."""
        return self.name.lower()


TOTAL_STAGES = len(StageId)


class CompanyInput(Part, frozen=True, kw_only=True):
    request: ArticleRequest


class CompanyOutput(Part, frozen=True, kw_only=True):
    """What the company's site says of itself."""

    name: str
    url: str
    """Where the home page answered, after redirects."""
    language: str
    country: str
    industry: str = ""
    description: str = ""
    offers: tuple[str, ...] = ()
    pages: tuple[SitePage, ...] = ()
    headings: tuple[str, ...] = ()
    """Headings of the pages that were read: what the site writes about."""
    authors: tuple[Author, ...] = ()
    competitors: tuple[str, ...] = ()
    """Names, hosts or addresses: never named in an article, never cited."""
    notes: tuple[str, ...] = ()
    """What could not be read, and why."""


class BriefInput(Part, frozen=True, kw_only=True):
    request: ArticleRequest
    company: CompanyOutput


class BriefOutput(Part, frozen=True, kw_only=True):
    """What to write, for whom, by which rules."""

    audience: str
    intent: Literal["informational", "commercial", "navigational", "transactional"]
    angle: str
    outline: tuple[str, ...]
    questions: tuple[str, ...]
    """What a reader of this article asks."""
    queries: tuple[str, ...]
    """What to search for."""
    word_target: int
    language: str
    country: str
    tone: str
    rules: tuple[str, ...] = ()
    """Spelling, units, currency and other rules of the language and country."""
    notes: tuple[str, ...] = ()


class ResearchInput(Part, frozen=True, kw_only=True):
    request: ArticleRequest
    company: CompanyOutput
    brief: BriefOutput


class ResearchOutput(Part, frozen=True, kw_only=True):
    sources: tuple[Source, ...]
    searches: int
    pages_read: int
    notes: tuple[str, ...] = ()


class DraftInput(Part, frozen=True, kw_only=True):
    request: ArticleRequest
    company: CompanyOutput
    brief: BriefOutput
    research: ResearchOutput
    rounds: tuple[RoundReport, ...] = ()
    """Earlier rounds; the last one's findings are the feedback to write by."""


class CitationsInput(Part, frozen=True, kw_only=True):
    request: ArticleRequest
    company: CompanyOutput
    research: ResearchOutput
    draft: Draft


class CitationsOutput(Part, frozen=True, kw_only=True):
    citations: tuple[Citation, ...]
    dropped: tuple[DroppedClaim, ...] = ()
    """Claims whose source is dead or does not say so; the assembled article leaves them out."""
    replaced: tuple[ReplacedSource, ...] = ()
    """Claims that another source bears; the assembled article cites that one."""


class InternalLinksInput(Part, frozen=True, kw_only=True):
    request: ArticleRequest
    company: CompanyOutput
    draft: Draft


class InternalLinksOutput(Part, frozen=True, kw_only=True):
    links: tuple[InternalLink, ...]


class TableOfContentsInput(Part, frozen=True, kw_only=True):
    request: ArticleRequest
    draft: Draft


class TableOfContentsOutput(Part, frozen=True, kw_only=True):
    entries: tuple[TocEntry, ...]


class MetadataInput(Part, frozen=True, kw_only=True):
    request: ArticleRequest
    company: CompanyOutput
    brief: BriefOutput
    draft: Draft


class MetadataOutput(Part, frozen=True, kw_only=True):
    meta_title: str
    """At most 55 characters."""
    meta_description: str
    """At most 130 characters."""
    slug: str
    reading_time_minutes: int
    author: Author | None = None


class FaqInput(Part, frozen=True, kw_only=True):
    request: ArticleRequest
    company: CompanyOutput | None = None
    """None in commands of orchestrators before it was read."""
    research: ResearchOutput
    draft: Draft


class FaqOutput(Part, frozen=True, kw_only=True):
    faq: tuple[QuestionAnswer, ...]
    paa: tuple[QuestionAnswer, ...]


class ImagesInput(Part, frozen=True, kw_only=True):
    request: ArticleRequest
    company: CompanyOutput
    draft: Draft


class ImagesOutput(Part, frozen=True, kw_only=True):
    images: tuple[Image, ...]
    notes: tuple[str, ...] = ()


class QualityInput(Part, frozen=True, kw_only=True):
    request: ArticleRequest
    company: CompanyOutput
    brief: BriefOutput
    research: ResearchOutput
    draft: Draft
    citations: CitationsOutput
    internal_links: InternalLinksOutput
    table_of_contents: TableOfContentsOutput
    metadata: MetadataOutput
    faq: FaqOutput
    images: ImagesOutput


class QualityOutput(Part, frozen=True, kw_only=True):
    article: Article
    score: float
    """The AEO score, 0 to 100."""
    passed: bool
    parts: tuple[ScorePart, ...]
    findings: tuple[Finding, ...] = ()


class ReviewInput(Part, frozen=True, kw_only=True):
    request: ArticleRequest
    company: CompanyOutput
    research: ResearchOutput | None = None
    """None in commands of orchestrators before it was read."""
    quality: QualityOutput
    earlier_articles: tuple[ArticleReference, ...] = ()


class ReviewOutput(Part, frozen=True, kw_only=True):
    article: Article
    changes: tuple[str, ...] = ()
    """What the writer says of the revisions, a line each."""
    revisions: tuple[Revision, ...] = ()
    """What the review prompts changed."""
    quality: QualityReport | None = None
    """The gate's word on the article as the review left it; None when it changed nothing."""
    similarity_score: float = 0.0
    similar_to: str | None = None
    is_potential_duplicate: bool = False
    fingerprint: str = ""
    notes: tuple[str, ...] = ()


class PublishInput(Part, frozen=True, kw_only=True):
    request: ArticleRequest
    company: CompanyOutput
    brief: BriefOutput
    research: ResearchOutput
    images: ImagesOutput
    citations: CitationsOutput
    quality: QualityOutput
    review: ReviewOutput
    rounds: tuple[RoundReport, ...] = ()
    usage: Usage | None = None


class StageContract(msgspec.Struct, frozen=True):
    """A stage's input and output types."""

    input: type[Part]
    output: type[Part]


PIPELINE_VERSION = 1
"""Of the stages below and their order. A worker leaves commands of a later version to workers of a later release."""

STAGES: dict[StageId, StageContract] = {
    StageId.COMPANY: StageContract(CompanyInput, CompanyOutput),
    StageId.BRIEF: StageContract(BriefInput, BriefOutput),
    StageId.RESEARCH: StageContract(ResearchInput, ResearchOutput),
    StageId.DRAFT: StageContract(DraftInput, Draft),
    StageId.CITATIONS: StageContract(CitationsInput, CitationsOutput),
    StageId.INTERNAL_LINKS: StageContract(InternalLinksInput, InternalLinksOutput),
    StageId.TABLE_OF_CONTENTS: StageContract(TableOfContentsInput, TableOfContentsOutput),
    StageId.METADATA: StageContract(MetadataInput, MetadataOutput),
    StageId.FAQ: StageContract(FaqInput, FaqOutput),
    StageId.IMAGES: StageContract(ImagesInput, ImagesOutput),
    StageId.QUALITY: StageContract(QualityInput, QualityOutput),
    StageId.REVIEW: StageContract(ReviewInput, ReviewOutput),
    StageId.PUBLISH: StageContract(PublishInput, ArticleResult),
}


def reads(stage: StageId) -> tuple[StageId, ...]:
    """Return the stages whose outputs ``stage`` takes in, in pipeline order."""
    fields = STAGES[stage].input.__struct_fields__
    return tuple(other for other in StageId if other.field in fields)
