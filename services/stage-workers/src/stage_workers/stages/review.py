"""stage_11: applies the client's review prompts, and says how like other articles this one is."""

from __future__ import annotations

import msgspec

from contracts.articles import Article, Finding
from contracts.stages import ReviewInput, ReviewOutput
from stage_workers.assembly import revised
from stage_workers.gates import findings
from stage_workers.outcome import Done, Outcome
from stage_workers.ports import StageContext
from stage_workers.scoring.material import gathered
from stage_workers.similarity import DUPLICATE, fingerprint, known, most_similar
from stage_workers.tasks import ReviseDraft, Revision


class Reviewed(msgspec.Struct, frozen=True):
    """What the review prompts came to."""

    article: Article
    changes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


async def run(inp: ReviewInput, ctx: StageContext) -> Outcome[ReviewOutput]:
    """Return the article as it goes to print."""
    reviewed = Reviewed(inp.quality.article)
    if inp.request.review_prompts:
        reviewed = await _review(inp, ctx)
    request = inp.request
    others = known(request.existing_blog_slugs, request.batch_siblings, inp.earlier_articles)
    likeness = most_similar(reviewed.article, request.primary_keyword, others)
    await ctx.progress(f"most similar known article: {likeness.percent:.0f} %")
    return Done(
        ReviewOutput(
            article=reviewed.article,
            changes=reviewed.changes,
            similarity_score=round(likeness.percent, 1),
            similar_to=likeness.name,
            is_potential_duplicate=likeness.percent >= DUPLICATE,
            fingerprint=fingerprint(reviewed.article),
            notes=reviewed.notes,
        )
    )


async def _review(inp: ReviewInput, ctx: StageContext) -> Reviewed:
    """Apply the review prompts; a revision that the gate would refuse is not taken."""
    article, prompts = inp.quality.article, inp.request.review_prompts
    await ctx.progress(f"{len(prompts)} review prompts")
    task = ReviseDraft(request=inp.request, draft=article.draft, prompts=prompts)
    revision = await ctx.checkpoint("revision", Revision, lambda: ctx.model.perform(task))
    if revision.draft == article.draft:
        note = f"review_prompts: not applied, the {ctx.model.name} generator changed nothing"
        return Reviewed(article, revision.changes, (note,))
    other = revised(article, revision.draft)
    spoilt = _spoilt(inp, other)
    if spoilt:
        note = f"review_prompts: not applied, in the revision {spoilt[0].message} ({spoilt[0].code})"
        return Reviewed(article, notes=(note,))
    return Reviewed(other, revision.changes)


def _spoilt(inp: ReviewInput, other: Article) -> list[Finding]:
    """Return what the gate has against the revision and had not against the article."""
    before = {finding.code for finding in inp.quality.findings if finding.critical}
    found = findings(gathered(other, inp.request, inp.company, ()))
    return [finding for finding in found if finding.critical and finding.code not in before]
