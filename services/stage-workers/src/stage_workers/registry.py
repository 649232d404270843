"""Which function runs which stage."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from contracts.stages import StageId
from stage_workers.ports import StageContext
from stage_workers.stages import brief, company, draft, faq, research

StageFunction = Callable[[Any, StageContext], Awaitable[Any]]
"""``async def run(inp, ctx) -> Done | Retry | Fail``, with the input type of contracts.stages."""

REGISTRY: dict[StageId, StageFunction] = {
    StageId.COMPANY: company.run,
    StageId.BRIEF: brief.run,
    StageId.RESEARCH: research.run,
    StageId.DRAFT: draft.run,
    StageId.FAQ: faq.run,
}
