"""stage_04: fetches every source again and keeps the claims whose words stand there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rapidfuzz import fuzz

from contracts.articles import Citation, DroppedClaim, Sentence, Source
from contracts.stages import CitationsInput, CitationsOutput
from stage_workers.article_text import draft_claims
from stage_workers.outcome import Done, Outcome, Retry
from stage_workers.ports import Page, StageContext
from stage_workers.reading import Reading, read_pages
from stage_workers.wording import bare

SAME_WORDS = 95.0
"""Likeness in percent from which words count as the same: typography may differ, words may not."""
SAME_SUBJECT = 60.0
"""Likeness in percent from which a quote can speak for a sentence that is not verbatim."""


async def run(inp: CitationsInput, ctx: StageContext) -> Outcome[CitationsOutput]:
    """Return the verified sources, those that the draft uses first in the order of their use.

    Asks for another attempt when no source at all can be reached for the moment.
    """
    sources = {source.source_id: source for source in inp.research.sources}
    reading = await read_pages([source.url for source in sources.values()], ctx)
    if not reading.pages and _only_for_now(reading):
        return Retry(code="sources_unreachable", reason=f"none of {len(sources)} sources can be reached now")
    pages = {source.source_id: reading.pages.get(source.url) for source in sources.values()}
    texts = {number: bare(page.text) for number, page in pages.items() if page is not None}
    verified = {number for number, text in texts.items() if _quoted(sources[number], text)}
    await ctx.progress(f"{len(verified)} of {len(sources)} sources still say what was quoted")
    dropped = tuple(
        DroppedClaim(text=claim.text, url=_url(claim, sources), reason=_reason(claim, pages))
        for claim in dict.fromkeys(draft_claims(inp.draft))
        if not any(supported(claim, sources[number], texts[number]) for number in _known(claim, verified))
    )
    lost = {claim.text for claim in dropped}
    order = _order((claim for claim in draft_claims(inp.draft) if claim.text not in lost), verified, sources)
    citations = tuple(_citation(number, sources[name], pages[name]) for number, name in enumerate(order, 1))
    return Done(CitationsOutput(citations=citations, dropped=dropped))


def supported(claim: Sentence, source: Source, text: str) -> bool:
    """Whether a claim stands on a page: its own words do, or those of a quote on its subject."""
    if _stands(claim.text, text):
        return True
    near = (
        quote.text for quote in source.quotes if fuzz.token_set_ratio(claim.text, quote.text) >= SAME_SUBJECT
    )
    return any(_stands(quote, text) for quote in near)


def _stands(words: str, text: str) -> bool:
    wanted = bare(words)
    return wanted in text or fuzz.partial_ratio(wanted, text, score_cutoff=SAME_WORDS) > 0


def _quoted(source: Source, text: str) -> bool:
    return any(_stands(quote.text, text) for quote in source.quotes)


def _only_for_now(reading: Reading) -> bool:
    return bool(reading.failures) and all(failure.transient for failure in reading.failures.values())


def _known(claim: Sentence, verified: set[str]) -> list[str]:
    return [number for number in claim.source_ids if number in verified]


def _url(claim: Sentence, sources: Mapping[str, Source]) -> str:
    return next((sources[number].url for number in claim.source_ids if number in sources), "")


def _reason(claim: Sentence, pages: Mapping[str, Page | None]) -> str:
    if not claim.source_ids:
        return "names no source"
    if all(pages.get(number) is None for number in claim.source_ids):
        return "the source can no longer be read"
    return "the source does not say so"


def _order(claims: Iterable[Sentence], verified: set[str], sources: Mapping[str, Source]) -> list[str]:
    """Return verified sources: first those in use, as they come, then the others, which the FAQ may still use."""
    used = [number for claim in claims for number in claim.source_ids if number in verified]
    return list(dict.fromkeys([*used, *(number for number in sources if number in verified)]))


def _citation(number: int, source: Source, page: Page | None) -> Citation:
    return Citation(
        number=number,
        source_id=source.source_id,
        url=page.url if page is not None else source.url,
        title=source.title,
        quote=source.quotes[0].text,
        author=source.author,
        published=source.published,
    )
