"""stage_11: applies the client's review prompts, and says how like other articles this one is."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from rapidfuzz import fuzz, utils

from contracts.articles import Article
from contracts.stages import ReviewInput, ReviewOutput
from stage_workers.assembly import revised
from stage_workers.gates import findings
from stage_workers.outcome import Done, Outcome
from stage_workers.ports import StageContext
from stage_workers.scoring.material import Material
from stage_workers.tasks import ReviseDraft, Revision

DUPLICATE = 80.0
"""Likeness in percent from which an article may be a duplicate."""


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
    likeness, other = most_similar(reviewed.article, inp.request.primary_keyword, _others(inp))
    await ctx.progress(f"most similar known article: {likeness:.0f} %")
    return Done(
        ReviewOutput(
            article=reviewed.article,
            changes=reviewed.changes,
            similarity_score=round(likeness, 1),
            similar_to=other,
            is_potential_duplicate=likeness >= DUPLICATE,
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
    siblings = frozenset(sibling.url for sibling in inp.request.batch_siblings if sibling.url)
    material = Material(other, inp.request.primary_keyword, inp.request.language, inp.company, siblings)
    spoilt = [finding for finding in findings(material) if finding.critical]
    if spoilt:
        note = f"review_prompts: not applied, in the revision {spoilt[0].message} ({spoilt[0].code})"
        return Reviewed(article, notes=(note,))
    return Reviewed(other, revision.changes)


def _others(inp: ReviewInput) -> Iterable[tuple[str, str]]:
    """Yield the name and the words of each known article."""
    for slug in inp.request.existing_blog_slugs:
        yield slug, slug.replace("-", " ")
    for sibling in inp.request.batch_siblings:
        yield sibling.slug, sibling.headline or sibling.keyword or sibling.slug.replace("-", " ")
    for earlier in inp.earlier_articles:
        yield earlier.slug, f"{earlier.primary_keyword} {earlier.headline}"


def most_similar(
    article: Article, keyword: str, others: Iterable[tuple[str, str]]
) -> tuple[float, str | None]:
    """Return the likeness (0 to 100) to the most similar article and its name.

    Words count, their order does not; case and punctuation are left aside. Articles are compared by keyword, by
    headline and by both, so that a slug of two words can be the same as a long headline's keyword.
    """
    own = (
        keyword,
        article.draft.headline,
        f"{keyword} {article.draft.headline}",
        article.slug.replace("-", " "),
    )
    best, name = 0.0, None
    for other, words in others:
        likeness = max(fuzz.token_sort_ratio(text, words, processor=utils.default_process) for text in own)
        if likeness > best:
            best, name = likeness, other
    return best, name
