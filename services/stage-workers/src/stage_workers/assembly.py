"""Puts the article together from what the parallel stages made, in one order and with one numbering."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from contracts.articles import (
    Article,
    Citation,
    Draft,
    InternalLink,
    QuestionAnswer,
    Section,
    Sentence,
    TocEntry,
)
from contracts.stages import QualityInput
from stage_workers.article_text import (
    answers,
    draft_claims,
    section_text,
    sections_without,
    standing_on,
    without,
)
from stage_workers.contents import entries


def assemble(inp: QualityInput) -> Article:
    """Return the article without the claims that lost their source, its citations numbered by first use."""
    verified = {citation.source_id: citation for citation in inp.citations.citations}
    lost = {claim.text for claim in inp.citations.dropped}

    def keep(sentence: Sentence) -> bool:
        return sentence.text not in lost and not verified.keys().isdisjoint(sentence.source_ids)

    bearing = {claim.text: claim.source_ids for claim in inp.citations.replaced}
    asked = msgspec.structs.replace(inp.draft, faq=inp.faq.faq, paa=inp.faq.paa)
    whole = without(standing_on(asked, bearing), keep)
    draft = msgspec.structs.replace(whole, faq=(), paa=())
    kept = sections_without(standing_on(inp.draft, bearing).sections, keep)
    moved = {before: now for now, before in enumerate(kept)}
    faq, paa = whole.faq, whole.paa
    return Article(
        draft=draft,
        citations=_numbered((*draft_claims(draft), *_answered(faq, paa)), verified),
        internal_links=_links(inp.internal_links.links, moved),
        toc=_entries(inp.table_of_contents.entries, moved),
        faq=faq,
        paa=paa,
        images=inp.images.images,
        meta_title=inp.metadata.meta_title,
        meta_description=inp.metadata.meta_description,
        slug=inp.metadata.slug,
        reading_time_minutes=inp.metadata.reading_time_minutes,
        author=inp.metadata.author,
    )


def revised(article: Article, draft: Draft) -> Article:
    """Return the article with another draft in place of its own: only claims whose sources the article cites, the
    table of contents made anew, links where their words still stand."""
    verified = {citation.source_id: citation for citation in article.citations}
    kept = without(draft, lambda claim: not verified.keys().isdisjoint(claim.source_ids))
    kept = msgspec.structs.replace(kept, faq=(), paa=())
    claims = (*draft_claims(kept), *_answered(article.faq, article.paa))
    return msgspec.structs.replace(
        article,
        draft=kept,
        citations=_numbered(claims, verified),
        internal_links=tuple(_links_found(article.internal_links, kept.sections)),
        toc=entries(kept.sections),
    )


def _links_found(links: Iterable[InternalLink], sections: Sequence[Section]) -> Iterable[InternalLink]:
    taken: set[int] = set()
    for link in links:
        texts = enumerate(map(section_text, sections))
        places = [place for place, text in texts if link.anchor_text in text and place not in taken]
        if places:
            place = link.section if link.section in places else places[0]
            taken.add(place)
            yield msgspec.structs.replace(link, section=place)


def _answered(*lists: Sequence[QuestionAnswer]) -> Iterable[Sentence]:
    return (sentence for items in lists for sentence in answers(items))


def _links(links: Iterable[InternalLink], moved: dict[int, int]) -> tuple[InternalLink, ...]:
    return tuple(
        msgspec.structs.replace(link, section=moved[link.section]) for link in links if link.section in moved
    )


def _entries(entries: Iterable[TocEntry], moved: dict[int, int]) -> tuple[TocEntry, ...]:
    return tuple(
        msgspec.structs.replace(entry, section=moved[entry.section])
        for entry in entries
        if entry.section in moved
    )


def _numbered(sentences: Iterable[Sentence], verified: dict[str, Citation]) -> tuple[Citation, ...]:
    used = dict.fromkeys(name for sentence in sentences for name in sentence.source_ids if name in verified)
    return tuple(
        msgspec.structs.replace(verified[name], number=number) for number, name in enumerate(used, 1)
    )
