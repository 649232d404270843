"""stage_11: applies the client's review prompts, and says how like other articles this one is."""

from __future__ import annotations

from contracts.stages import ReviewInput, ReviewOutput
from stage_workers.outcome import Done, Outcome
from stage_workers.ports import StageContext
from stage_workers.revising.review import Review, Reviewed
from stage_workers.similarity import DUPLICATE, fingerprint, known, most_similar


async def run(inp: ReviewInput, ctx: StageContext) -> Outcome[ReviewOutput]:
    """Return the article as it goes to print."""
    reviewed = Reviewed(inp.quality.article)
    if inp.request.review_prompts:
        reviewed = await Review(inp, ctx).done()
    request = inp.request
    others = known(request.existing_blog_slugs, request.batch_siblings, inp.earlier_articles)
    likeness = most_similar(reviewed.article, request.primary_keyword, others)
    await ctx.progress(f"most similar known article: {likeness.percent:.0f} %")
    return Done(
        ReviewOutput(
            article=reviewed.article,
            changes=tuple(line for revision in reviewed.revisions for line in revision.changes),
            revisions=reviewed.revisions,
            quality=reviewed.quality,
            similarity_score=round(likeness.percent, 1),
            similar_to=likeness.name,
            is_potential_duplicate=likeness.percent >= DUPLICATE,
            fingerprint=fingerprint(reviewed.article),
            notes=reviewed.notes,
        )
    )
