"""The gate's word on an article: its score, and what must not be in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import msgspec

from contracts.articles import Article, Finding, ScorePart, Source
from contracts.jobs import ArticleRequest
from contracts.stages import CompanyOutput
from stage_workers import gates, markets, scoring
from stage_workers.scoring.material import gathered

LOWEST_SCORE = 75.0
"""The gate: this score, and no critical finding."""


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """What the gate says of one article."""

    score: float
    """The AEO score, 0 to 100."""
    passed: bool
    parts: tuple[ScorePart, ...]
    findings: tuple[Finding, ...]
    """Critical ones first."""


def judge(
    article: Article, request: ArticleRequest, company: CompanyOutput, sources: Iterable[Source]
) -> Judgement:
    """Return the gate's word on an article that was made from these sources."""
    market = markets.choose(request.language, request.country).market
    material = gathered(article, request, company, sources, market.authorities)
    parts, found = scoring.score(material), gates.findings(material)
    score = scoring.total(parts)
    passed = score >= LOWEST_SCORE and not any(finding.critical for finding in found)
    return Judgement(score=score, passed=passed, parts=parts, findings=found)


def worsened(before: Judgement, after: Judgement) -> str | None:
    """Return what makes an article worse than it was: a critical finding more, or a score that no longer passes."""
    spare = Counter(finding.code for finding in before.findings if finding.critical)
    for finding in after.findings:
        if finding.critical:
            if not spare[finding.code]:
                return f"{finding.message} ({finding.code})"
            spare[finding.code] -= 1
    if after.score < LOWEST_SCORE <= before.score:
        return f"the score would fall from {before.score:g} to {after.score:g}"
    return None
