"""blog-writer's own worker process with stages that do nothing: their outputs are the smallest the contracts allow."""

from __future__ import annotations

import sys
from typing import Any

from chassis.lifecycle import main
from contracts import articles, stages
from contracts.results import Summary, Verdict
from contracts.stages import StageId
from stage_workers.outcome import Done
from stage_workers.ports import StageContext
from stage_workers.registry import StageFunction
from stage_workers.service import run
from stage_workers.settings import Settings

DRAFT = articles.Draft(headline="h", teaser="t", direct_answer=(), intro=(), sections=())
ARTICLE = articles.Article(
    draft=DRAFT, citations=(), internal_links=(), toc=(), faq=(), paa=(), images=(),
    meta_title="m", meta_description="d", slug="s", reading_time_minutes=1,
)  # fmt: skip
RESULT = articles.ArticleResult(
    success=True, job_id="", headline="h", html_content="<p>", markdown_content="m", aeo_score=90, word_count=1,
    meta_title="m", meta_description="d", slug="s", primary_keyword="k", language="en", country="US",
    generator="none", citations=(),
)  # fmt: skip
BRIEF = stages.BriefOutput(
    audience="a", intent="informational", angle="a", outline=(), questions=(), queries=(), word_target=1,
    language="en", country="US", tone="plain",
)  # fmt: skip
METADATA = stages.MetadataOutput(meta_title="m", meta_description="d", slug="s", reading_time_minutes=1)

DONE: dict[StageId, Done[Any]] = {
    StageId.COMPANY: Done(stages.CompanyOutput(name="c", url="u", language="en", country="US")),
    StageId.BRIEF: Done(BRIEF),
    StageId.RESEARCH: Done(stages.ResearchOutput(sources=(), searches=0, pages_read=0)),
    StageId.DRAFT: Done(DRAFT),
    StageId.CITATIONS: Done(stages.CitationsOutput(citations=())),
    StageId.INTERNAL_LINKS: Done(stages.InternalLinksOutput(links=())),
    StageId.TABLE_OF_CONTENTS: Done(stages.TableOfContentsOutput(entries=())),
    StageId.METADATA: Done(METADATA),
    StageId.FAQ: Done(stages.FaqOutput(faq=(), paa=())),
    StageId.IMAGES: Done(stages.ImagesOutput(images=())),
    StageId.QUALITY: Done(
        stages.QualityOutput(article=ARTICLE, score=90, passed=True, parts=()),
        verdict=Verdict(passed=True, score=90),
    ),
    StageId.REVIEW: Done(stages.ReviewOutput(article=ARTICLE)),
    StageId.PUBLISH: Done(RESULT, summary=Summary(headline="h", slug="s", word_count=1, aeo_score=90)),
}


def stage(done: Done[Any]) -> StageFunction:
    """Return a stage that is done at once."""

    async def nothing(_input: Any, _context: StageContext) -> Done[Any]:
        return done

    return nothing


async def run_nothing(settings: Settings, ready: Any, stop: Any) -> None:
    """Run the real worker with these stages."""
    await run(settings, ready, stop, {identifier: stage(done) for identifier, done in DONE.items()})


if __name__ == "__main__":
    sys.exit(main(run_nothing, Settings))
