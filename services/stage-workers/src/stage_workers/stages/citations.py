"""stage_04: fetches every source again and keeps the claims whose words stand there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from contracts.articles import Citation, DroppedClaim, ReplacedSource, Sentence, Source
from contracts.stages import CitationsInput, CitationsOutput, CompanyOutput
from stage_workers.article_text import draft_claims
from stage_workers.evidence import normal, quoted, supported, without_evidence
from stage_workers.outcome import Done, Outcome, Retry
from stage_workers.ports import Page, StageContext
from stage_workers.reading import Reading, read_pages


class Checked(msgspec.Struct, frozen=True):
    """The sources as they are now."""

    sources: Mapping[str, Source]
    unfit: Mapping[str, str]
    """Those that may not be cited, with the reason."""
    pages: Mapping[str, Page]
    texts: Mapping[str, str]
    """The words of pages that still say something of what was quoted."""


async def run(inp: CitationsInput, ctx: StageContext) -> Outcome[CitationsOutput]:
    """Return the verified sources, those that the draft uses first in the order of their use.

    A claim whose source is dead, unrelated or unfit moves to another source that says it, or is dropped. Asks for
    another attempt when no source at all can be reached for the moment.
    """
    sources = {source.source_id: source for source in inp.research.sources}
    unfit = without_evidence(inp.research.sources, inp.company)
    wanted = [source.url for source in sources.values() if source.source_id not in unfit]
    reading = await read_pages(wanted, ctx)
    if not reading.pages and _only_for_now(reading):
        return Retry(code="sources_unreachable", reason=f"none of {len(wanted)} sources can be reached now")
    checked = _checked(sources, inp.company, unfit, reading)
    await ctx.progress(f"{len(checked.texts)} of {len(sources)} sources still say what was quoted")
    return Done(_judged(tuple(dict.fromkeys(draft_claims(inp.draft))), checked))


def _checked(
    sources: Mapping[str, Source], company: CompanyOutput, unfit: Mapping[str, str], reading: Reading
) -> Checked:
    """Judge pages by where they answered too: a redirect may lead to a competitor."""
    answered = {
        name: msgspec.structs.replace(source, url=reading.pages[source.url].url)
        for name, source in sources.items()
        if source.url in reading.pages
    }
    unfit = {**without_evidence(tuple(answered.values()), company), **unfit}
    pages = {name: reading.pages[sources[name].url] for name in answered if name not in unfit}
    texts = {number: normal(page.text) for number, page in pages.items()}
    said = {number: text for number, text in texts.items() if quoted(sources[number], text)}
    return Checked(sources, unfit, pages, said)


def _judged(claims: Sequence[Sentence], checked: Checked) -> CitationsOutput:
    """Say of each claim what it stands on: its own sources, another one, or nothing."""
    kept: list[Sentence] = []
    dropped: list[DroppedClaim] = []
    replaced: list[ReplacedSource] = []
    for claim in claims:
        own = tuple(name for name in claim.source_ids if _bears(name, claim, checked))
        bearing = own or _others(claim, checked)
        url, reason = _url(claim, checked), _reason(claim, checked)
        if not bearing:
            dropped.append(DroppedClaim(text=claim.text, url=url, reason=reason))
            continue
        kept.append(msgspec.structs.replace(claim, source_ids=bearing))
        if bearing != claim.source_ids:
            replaced.append(ReplacedSource(text=claim.text, source_ids=bearing, url=url, reason=reason))
    return CitationsOutput(
        citations=_citations(kept, checked), dropped=tuple(dropped), replaced=tuple(replaced)
    )


def _bears(name: str, claim: Sentence, checked: Checked) -> bool:
    return name in checked.texts and supported(claim, checked.sources[name], checked.texts[name])


def _others(claim: Sentence, checked: Checked) -> tuple[str, ...]:
    """Return the first other source that says the claim; what never named a source was made up."""
    if not any(name in checked.sources for name in claim.source_ids):
        return ()
    return next(((name,) for name in checked.texts if _bears(name, claim, checked)), ())


def _only_for_now(reading: Reading) -> bool:
    return bool(reading.failures) and all(failure.transient for failure in reading.failures.values())


def _url(claim: Sentence, checked: Checked) -> str:
    return next((checked.sources[name].url for name in claim.source_ids if name in checked.sources), "")


def _reason(claim: Sentence, checked: Checked) -> str:
    known = [name for name in claim.source_ids if name in checked.sources]
    if not claim.source_ids:
        return "names no source"
    if known and all(name in checked.unfit for name in known):
        return checked.unfit[known[0]]
    if all(name not in checked.pages for name in claim.source_ids):
        return "the source can no longer be read"
    return "the source does not say so"


def _citations(kept: Iterable[Sentence], checked: Checked) -> tuple[Citation, ...]:
    """Return the sources in use, as they come, then the other verified ones, which the FAQ may still use."""
    used = [name for claim in kept for name in claim.source_ids]
    order = dict.fromkeys((*used, *(name for name in checked.sources if name in checked.texts)))
    return tuple(
        _citation(number, checked.sources[name], checked.pages[name]) for number, name in enumerate(order, 1)
    )


def _citation(number: int, source: Source, page: Page) -> Citation:
    return Citation(
        number=number,
        source_id=source.source_id,
        url=page.url,
        title=source.title,
        quote=source.quotes[0].text,
        author=source.author,
        published=source.published,
    )
