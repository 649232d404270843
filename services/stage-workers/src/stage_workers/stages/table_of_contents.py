"""stage_06: a label and an anchor for each section."""

from __future__ import annotations

from contracts.stages import TableOfContentsInput, TableOfContentsOutput
from stage_workers.contents import entries
from stage_workers.outcome import Done, Outcome
from stage_workers.ports import StageContext


async def run(inp: TableOfContentsInput, ctx: StageContext) -> Outcome[TableOfContentsOutput]:
    made = entries(inp.draft.sections)
    await ctx.progress(f"{len(made)} entries")
    return Done(TableOfContentsOutput(entries=made))
