"""stage_11: applies the client's review prompts, and says how like other articles this one is."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from rapidfuzz import fuzz, utils

from contracts.articles import Article
from contracts.stages import ReviewInput, ReviewOutput
from stage_workers.outcome import Done, Outcome
from stage_workers.ports import StageContext
from stage_workers.tasks import ReviseDraft, Revision

DUPLICATE = 80.0
"""Likeness in percent from which an article may be a duplicate."""


async def run(inp: ReviewInput, ctx: StageContext) -> Outcome[ReviewOutput]:
    """Return the article as it goes to print."""
    article, changes = inp.quality.article, tuple[str, ...]()
    if inp.request.review_prompts:
        await ctx.progress(f"{len(inp.request.review_prompts)} review prompts")
        task = ReviseDraft(request=inp.request, draft=article.draft, prompts=inp.request.review_prompts)
        revision = await ctx.checkpoint("revision", Revision, lambda: ctx.model.perform(task))
        article, changes = msgspec.structs.replace(article, draft=revision.draft), revision.changes
    likeness, other = most_similar(article, inp.request.primary_keyword, _others(inp))
    await ctx.progress(f"most similar known article: {likeness:.0f} %")
    return Done(
        ReviewOutput(
            article=article,
            changes=changes,
            similarity_score=round(likeness, 1),
            similar_to=other,
            is_potential_duplicate=likeness >= DUPLICATE,
        )
    )


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
