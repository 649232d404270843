"""stage_07: what search engines and lists show of the article."""

from __future__ import annotations

import math

from contracts.articles import Author
from contracts.stages import MetadataInput, MetadataOutput
from stage_workers.article_text import draft_sentences, words
from stage_workers.outcome import Done, Outcome
from stage_workers.ports import StageContext
from stage_workers.slugs import slug, unique
from stage_workers.wording import clip

LONGEST_TITLE = 55
LONGEST_DESCRIPTION = 130
WORDS_PER_MINUTE = 200


async def run(inp: MetadataInput, ctx: StageContext) -> Outcome[MetadataOutput]:
    """Titles and descriptions are cut at a word; a slug that exists gets a number."""
    await ctx.progress("title, description and slug")
    request, draft = inp.request, inp.draft
    wanted = slug(request.slug or request.primary_keyword)
    taken = {*request.existing_blog_slugs, *(sibling.slug for sibling in request.batch_siblings)}
    return Done(
        MetadataOutput(
            meta_title=clip(draft.headline, LONGEST_TITLE),
            meta_description=clip(draft.teaser or draft.headline, LONGEST_DESCRIPTION),
            slug=unique(wanted, taken),
            reading_time_minutes=max(1, math.ceil(words(draft_sentences(draft)) / WORDS_PER_MINUTE)),
            author=_author(inp.company.authors),
        )
    )


def _author(authors: tuple[Author, ...]) -> Author | None:
    """Return the first author with an address, else the first."""
    return next((author for author in authors if author.url), authors[0] if authors else None)
