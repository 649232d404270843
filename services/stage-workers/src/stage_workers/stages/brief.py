"""stage_01: plans the article for its readers, language and country."""

import msgspec

from contracts.stages import BriefInput, BriefOutput
from stage_workers import markets
from stage_workers.outcome import Done, Outcome
from stage_workers.ports import StageContext
from stage_workers.tasks import WriteBrief


async def run(inp: BriefInput, ctx: StageContext) -> Outcome[BriefOutput]:
    chosen = markets.choose(inp.request.language, inp.request.country)
    task = WriteBrief(request=inp.request, company=inp.company, rules=chosen.rules)
    await ctx.progress(f"brief for “{inp.request.primary_keyword}”")
    brief = await ctx.checkpoint("brief", BriefOutput, lambda: ctx.model.perform(task))
    return Done(msgspec.structs.replace(brief, notes=(*brief.notes, *chosen.notes)))
