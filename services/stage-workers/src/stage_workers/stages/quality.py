"""stage_10: assembles the article, scores it, and lets it pass or not."""

from __future__ import annotations

from contracts.articles import Draft, Finding, ScorePart
from contracts.results import Verdict
from contracts.stages import QualityInput, QualityOutput
from stage_workers import markets, scoring
from stage_workers.assembly import assemble
from stage_workers.gates import findings
from stage_workers.outcome import Done, Outcome
from stage_workers.ports import StageContext
from stage_workers.scoring.material import gathered
from stage_workers.wording import clip

LOWEST_SCORE = 75.0
"""The gate: this score, and no critical finding."""
MOST_FINDINGS = 40
MOST_CHANGES, LONGEST_CHANGE = 10, 200
"""Lines, and characters of a line: reports of all rounds travel together."""


async def run(inp: QualityInput, ctx: StageContext) -> Outcome[QualityOutput]:
    """Return the assembled article with the gate's word on it."""
    article = assemble(inp)
    market = markets.choose(inp.request.language, inp.request.country).market
    material = gathered(article, inp.request, inp.company, inp.research.sources, market.authorities)
    parts = scoring.score(material)
    found = (*findings(material), *_weaknesses(parts))[:MOST_FINDINGS]
    score = scoring.total(parts)
    passed = score >= LOWEST_SCORE and not any(finding.critical for finding in found)
    await ctx.progress(f"score {score:.1f} of 100, {len(found)} findings")
    output = QualityOutput(article=article, score=score, passed=passed, parts=parts, findings=found)
    return Done(
        output, verdict=Verdict(passed=passed, score=score, findings=found, changes=_changes(inp.draft))
    )


def _changes(draft: Draft) -> tuple[str, ...]:
    return tuple(clip(change, LONGEST_CHANGE) for change in draft.changes[:MOST_CHANGES])


def _weaknesses(parts: tuple[ScorePart, ...]) -> tuple[Finding, ...]:
    """Return what cost points, so that the next round knows."""
    return tuple(
        Finding(code=part.name, message=f"{part.points:g} of {part.maximum:g} points: {part.reason}")
        for part in parts
        if part.points < part.maximum
    )
