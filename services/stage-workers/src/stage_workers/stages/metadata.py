"""stage_07: what search engines and lists show of the article."""

from __future__ import annotations

import math

from contracts.articles import Author
from contracts.stages import MetadataInput, MetadataOutput
from stage_workers.article_text import draft_sentences, words
from stage_workers.outcome import Done, Outcome
from stage_workers.ports import StageContext
from stage_workers.slugs import slug, unique
from stage_workers.wording import clip, clip_clause

LONGEST_TITLE = 55
LONGEST_DESCRIPTION = 130
WORDS_PER_MINUTE = 200


async def run(inp: MetadataInput, ctx: StageContext) -> Outcome[MetadataOutput]:
    """Titles and descriptions are cut at a clause or a word; a slug that exists gets a number."""
    await ctx.progress("title, description and slug")
    request, draft = inp.request, inp.draft
    wanted = slug(request.slug or request.primary_keyword)
    taken = {*request.existing_blog_slugs, *(sibling.slug for sibling in request.batch_siblings)}
    return Done(
        MetadataOutput(
            meta_title=_title(draft.headline, inp.company.name),
            meta_description=clip_clause(draft.teaser or draft.headline, LONGEST_DESCRIPTION),
            slug=unique(wanted, taken),
            reading_time_minutes=max(1, math.ceil(words(draft_sentences(draft)) / WORDS_PER_MINUTE)),
            author=_author(inp.company.authors),
        )
    )


def _title(headline: str, company: str) -> str:
    """Return the headline; when it is too long its subject, which stands before the colon, and the company."""
    subject = headline.partition(": ")[0].rstrip()  # French sets a space before the colon
    choices = (headline, f"{subject} | {company}", subject)
    return next((text for text in choices if len(text) <= LONGEST_TITLE), clip(headline, LONGEST_TITLE))


def _author(authors: tuple[Author, ...]) -> Author | None:
    """Return the first author with an address, else the first."""
    return next((author for author in authors if author.url), authors[0] if authors else None)
