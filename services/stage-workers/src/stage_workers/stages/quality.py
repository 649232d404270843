"""stage_10: assembles the article, scores it, and lets it pass or not."""

from __future__ import annotations

from contracts.articles import Draft, Finding, ScorePart
from contracts.results import Verdict
from contracts.stages import QualityInput, QualityOutput
from stage_workers.assembly import assemble
from stage_workers.judgement import judge
from stage_workers.outcome import Done, Outcome
from stage_workers.ports import StageContext
from stage_workers.wording import clip

MOST_FINDINGS = 40
MOST_CHANGES, LONGEST_CHANGE = 10, 200
"""Lines, and characters of a line: reports of all rounds travel together."""


async def run(inp: QualityInput, ctx: StageContext) -> Outcome[QualityOutput]:
    """Return the assembled article with the gate's word on it."""
    article = assemble(inp)
    said = judge(article, inp.request, inp.company, inp.research.sources)
    found = (*said.findings, *_weaknesses(said.parts))[:MOST_FINDINGS]
    await ctx.progress(f"score {said.score:.1f} of 100, {len(found)} findings")
    output = QualityOutput(
        article=article, score=said.score, passed=said.passed, parts=said.parts, findings=found
    )
    verdict = Verdict(passed=said.passed, score=said.score, findings=found, changes=_changes(inp.draft))
    return Done(output, verdict=verdict)


def _changes(draft: Draft) -> tuple[str, ...]:
    return tuple(clip(change, LONGEST_CHANGE) for change in draft.changes[:MOST_CHANGES])


def _weaknesses(parts: tuple[ScorePart, ...]) -> tuple[Finding, ...]:
    """Return what cost points, so that the next round knows."""
    return tuple(
        Finding(code=part.name, message=f"{part.points:g} of {part.maximum:g} points: {part.reason}")
        for part in parts
        if part.points < part.maximum
    )
