"""stage_03: writes the structured article from the sources alone."""

from contracts.articles import Draft
from contracts.stages import DraftInput
from stage_workers.evidence import evidence
from stage_workers.outcome import Done, Outcome, Retry
from stage_workers.ports import StageContext
from stage_workers.tasks import WriteDraft


async def run(inp: DraftInput, ctx: StageContext) -> Outcome[Draft]:
    """Asks for another attempt with ``empty_draft`` when nothing was written."""
    task = WriteDraft(
        request=inp.request,
        company=inp.company,
        brief=inp.brief,
        sources=evidence(inp.research.sources, inp.company),
        rounds=inp.rounds,
    )
    await ctx.progress(f"draft {len(inp.rounds) + 1} from {len(task.sources)} sources")
    draft = await ctx.checkpoint("draft", Draft, lambda: ctx.model.perform(task))
    if not draft.headline.strip() or not draft.sections:
        return Retry(
            code="empty_draft", reason="the generator returned an article without a headline or sections"
        )
    return Done(draft)
