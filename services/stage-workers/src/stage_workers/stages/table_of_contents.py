"""stage_06: a label and an anchor for each section."""

from __future__ import annotations

from contracts.articles import TocEntry
from contracts.stages import TableOfContentsInput, TableOfContentsOutput
from stage_workers.outcome import Done, Outcome
from stage_workers.ports import StageContext
from stage_workers.slugs import slug, unique
from stage_workers.wording import clip

LONGEST_LABEL = 70


async def run(inp: TableOfContentsInput, ctx: StageContext) -> Outcome[TableOfContentsOutput]:
    """Anchors are unique and made from the headings alone, so that links to them stay right."""
    entries: list[TocEntry] = []
    taken: set[str] = set()
    for number, section in enumerate(inp.draft.sections):
        anchor = unique(slug(section.heading, f"section-{number + 1}"), taken)
        taken.add(anchor)
        entries.append(TocEntry(label=clip(section.heading, LONGEST_LABEL), anchor=anchor, section=number))
    await ctx.progress(f"{len(entries)} entries")
    return Done(TableOfContentsOutput(entries=tuple(entries)))
