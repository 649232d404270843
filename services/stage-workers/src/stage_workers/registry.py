"""Which function runs which stage."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from contracts.stages import StageId
from stage_workers.ports import StageContext
from stage_workers.stages import (
    brief,
    citations,
    company,
    draft,
    faq,
    images,
    internal_links,
    metadata,
    publish,
    quality,
    research,
    review,
    table_of_contents,
)

StageFunction = Callable[[Any, StageContext], Awaitable[Any]]
"""``async def run(inp, ctx) -> Done | Retry | Fail``, with the input type of contracts.stages."""

REGISTRY: dict[StageId, StageFunction] = {
    StageId.COMPANY: company.run,
    StageId.BRIEF: brief.run,
    StageId.RESEARCH: research.run,
    StageId.DRAFT: draft.run,
    StageId.CITATIONS: citations.run,
    StageId.INTERNAL_LINKS: internal_links.run,
    StageId.TABLE_OF_CONTENTS: table_of_contents.run,
    StageId.METADATA: metadata.run,
    StageId.FAQ: faq.run,
    StageId.IMAGES: images.run,
    StageId.QUALITY: quality.run,
    StageId.REVIEW: review.run,
    StageId.PUBLISH: publish.run,
}
