"""The smallest output of the right type for each stage."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from contracts.articles import Article, ArticleResult, Draft, Finding
from contracts.results import Summary, Verdict
from contracts.stages import (
    BriefOutput,
    CitationsOutput,
    CompanyOutput,
    FaqOutput,
    ImagesOutput,
    InternalLinksOutput,
    MetadataOutput,
    QualityOutput,
    ResearchOutput,
    ReviewOutput,
    StageId,
    TableOfContentsOutput,
)
from stage_workers.outcome import Done
from stage_workers.ports import StageContext

SITE = "https://example.com/"
GOOD, BAD = 90.0, 60.0
_DRAFT = Draft(headline="Chaos", teaser="t", direct_answer=(), intro=(), sections=())
_ARTICLE = Article(
    draft=_DRAFT,
    citations=(),
    internal_links=(),
    toc=(),
    faq=(),
    paa=(),
    images=(),
    meta_title="Chaos",
    meta_description="d",
    slug="chaos",
    reading_time_minutes=1,
)
_OUTPUTS: dict[StageId, Callable[[], Any]] = {
    StageId.COMPANY: lambda: CompanyOutput(name="Example", url=SITE, language="en", country="US"),
    StageId.BRIEF: lambda: BriefOutput(
        audience="a",
        intent="informational",
        angle="a",
        outline=(),
        questions=(),
        queries=(),
        word_target=600,
        language="en",
        country="US",
        tone="plain",
    ),
    StageId.RESEARCH: lambda: ResearchOutput(sources=(), searches=2, pages_read=0),
    StageId.DRAFT: lambda: _DRAFT,
    StageId.CITATIONS: lambda: CitationsOutput(citations=()),
    StageId.INTERNAL_LINKS: lambda: InternalLinksOutput(links=()),
    StageId.TABLE_OF_CONTENTS: lambda: TableOfContentsOutput(entries=()),
    StageId.METADATA: lambda: MetadataOutput(
        meta_title="Chaos", meta_description="d", slug="chaos", reading_time_minutes=1
    ),
    StageId.FAQ: lambda: FaqOutput(faq=(), paa=()),
    StageId.IMAGES: lambda: ImagesOutput(images=()),
    StageId.REVIEW: lambda: ReviewOutput(article=_ARTICLE),
}


def done(stage: StageId, ctx: StageContext, *, passed: bool) -> Done[Any]:
    """Return what a stage that succeeds returns; ``passed`` is the quality gate's word."""
    if stage is StageId.QUALITY:
        return _judged(passed=passed)
    if stage is StageId.PUBLISH:
        summary = Summary(headline="Chaos", slug="chaos", word_count=600, aeo_score=GOOD)
        return Done(_result(ctx.job_id), summary=summary)
    return Done(_OUTPUTS[stage]())


def _judged(*, passed: bool) -> Done[Any]:
    score = GOOD if passed else BAD
    findings = () if passed else (Finding(code="chaos", message="not good enough"),)
    output = QualityOutput(article=_ARTICLE, score=score, passed=passed, parts=(), findings=findings)
    return Done(output, verdict=Verdict(passed=passed, score=score, findings=findings))


def _result(job_id: str) -> ArticleResult:
    return ArticleResult(
        success=True,
        job_id=job_id,
        headline="Chaos",
        html_content="<p>Chaos</p>",
        markdown_content="Chaos",
        aeo_score=GOOD,
        word_count=600,
        meta_title="Chaos",
        meta_description="d",
        slug="chaos",
        primary_keyword="chaos",
        language="en",
        country="US",
        generator="chaos",
        citations=(),
    )
