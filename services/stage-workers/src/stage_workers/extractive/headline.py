"""Headline and teaser: connectives that name the keyword, the company and the number of pages."""

from collections.abc import Iterable

import msgspec

from contracts.articles import Draft
from stage_workers.article_text import draft_claims
from stage_workers.extractive.phrases import phrases
from stage_workers.tasks import WriteDraft
from stage_workers.wording import clip

_LONGEST = 70


def with_titles(draft: Draft, task: WriteDraft, *, covered: bool) -> Draft:
    """Return the draft with headline and teaser. ``covered``: whether the sources speak of the keyword."""
    cited = {source_id for claim in draft_claims(draft) for source_id in claim.source_ids}
    used = [source for source in task.sources if source.source_id in cited]
    own = all(source.kind == "company" for source in used)
    gaps = {
        "keyword": " ".join(task.request.primary_keyword.split()),
        "company": task.company.name,
        "count": str(len(used)),
    }
    known = phrases(task.brief.language)
    headlines, teaser = known.headlines if own else known.headlines_many, known.teaser_many
    if not covered:
        headlines, teaser = (known.headline_related,), known.teaser_related
    elif len(used) == 1:
        headlines = tuple(template for template in headlines if "{count}" not in template)
        teaser = known.teaser_one
    elif own:
        teaser = known.teaser
    return msgspec.structs.replace(draft, headline=_fitting(headlines, gaps), teaser=teaser.format(**gaps))


def _fitting(templates: Iterable[str], gaps: dict[str, str]) -> str:
    """Return the first headline of at most 70 characters; the keyword, cut if need be, when none is."""
    texts = (template.format(**gaps) for template in templates)
    text = next((text for text in texts if len(text) <= _LONGEST), clip(gaps["keyword"], _LONGEST))
    return text[:1].upper() + text[1:]
