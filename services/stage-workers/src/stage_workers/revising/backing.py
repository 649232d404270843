"""Whether a revised passage still stands on its sources: nothing in it is invented, nothing is broken."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

import msgspec
from rapidfuzz import fuzz

from contracts.articles import Article, Block, Draft, Sentence, Source
from stage_workers.article_text import (
    block_sentences,
    draft_claims,
    draft_sentences,
    section_claims,
    standing_on,
)
from stage_workers.evidence import SAME_SUBJECT, normal, supported

_FIGURE = re.compile(r"\d+(?:[.,'’\u00a0\u202f]\d+)*")
_SEPARATORS = re.compile(r"[^\d]")


class Backing(msgspec.Struct, frozen=True):
    """What an article's claims stand on."""

    claims: Mapping[str, Sentence]
    """By their words."""
    cited: frozenset[str]
    sources: Mapping[str, Source]
    """By id; only those that the article cites."""
    connectives: frozenset[str] = frozenset()
    """Words of the lines that claim nothing."""


def backing(article: Article, sources: Iterable[Source]) -> Backing:
    """Return what stands behind an article; without its sources, only what it says itself does."""
    whole = msgspec.structs.replace(article.draft, faq=article.faq, paa=article.paa)
    cited = frozenset(citation.source_id for citation in article.citations)
    return Backing(
        claims={claim.text: claim for claim in draft_claims(whole)},
        cited=cited,
        sources={source.source_id: source for source in sources if source.source_id in cited},
        connectives=frozenset(each.text for each in draft_sentences(whole) if each.connective),
    )


def keeping_sources(passage: Draft, known: Backing) -> Draft:
    """Return a revised passage in which claims whose words are the same stand on what they stood on."""
    return standing_on(passage, {text: claim.source_ids for text, claim in known.claims.items()})


def refusal(before: Draft, after: Draft, known: Backing) -> str | None:
    """Return why a revised passage is not to be taken; None when it is."""
    return next((why for why in (*_broken(after), *_unbacked(before, after, known))), None)


def _broken(after: Draft) -> Iterator[str]:
    """Yield what the gate does not see: it looks for missing fields itself."""
    for section in after.sections:
        if not section.heading.strip():
            yield "its section has no heading"
        if not any(not claim.connective for claim in section_claims(section)):
            yield "its section claims nothing"
        if any(_is_empty(block) for block in section.blocks):
            yield "its section has an empty block"
    for item in (*after.faq, *after.paa):
        if not item.question.strip() or all(sentence.connective for sentence in item.answer):
            yield "a question has no words or no answer"
    if any(not sentence.text.strip() for sentence in draft_sentences(after)):
        yield "a sentence has no words"


def _is_empty(block: Block) -> bool:
    return not (block_sentences(block) or getattr(block, "rows", ()))


def _unbacked(before: Draft, after: Draft, known: Backing) -> Iterator[str]:
    for claim in draft_claims(after):
        if claim.text in known.claims:
            continue
        if not claim.source_ids:
            yield f"a claim names no source: {claim.text}"
        unknown = [name for name in claim.source_ids if name not in known.cited]
        if unknown:
            yield f"{unknown[0]} is no source of the article"
        if not _is_said(claim, known):
            yield f"no source says so: {claim.text}"
        yield from _new_figures(claim, _figures_said(claim, known))
    figures = _figures(" ".join(sentence.text for sentence in draft_sentences(before)))
    for line in draft_sentences(after):
        if line.connective and line.text not in known.connectives:
            if line.text in known.claims:
                yield f"a claim lost its sources: {line.text}"
            yield from _new_figures(line, figures)


def _is_said(claim: Sentence, known: Backing) -> bool:
    """Whether a source says it, judged as a draft's claims are; or the article did, by the same source."""
    sources = (known.sources[name] for name in claim.source_ids if name in known.sources)
    if any(supported(claim, source, _words(source)) for source in sources):
        return True
    return any(fuzz.token_set_ratio(claim.text, old.text) >= SAME_SUBJECT for old in _of_same(claim, known))


def _words(source: Source) -> str:
    return normal("\n\n".join(quote.text for quote in source.quotes))


def _of_same(claim: Sentence, known: Backing) -> Iterator[Sentence]:
    """Yield the article's claims that share a source with this one."""
    return (old for old in known.claims.values() if not set(claim.source_ids).isdisjoint(old.source_ids))


def _figures_said(claim: Sentence, known: Backing) -> set[str]:
    sources = (known.sources[name] for name in claim.source_ids if name in known.sources)
    quotes = (quote.text for source in sources for quote in source.quotes)
    return _figures(" ".join((*quotes, *(old.text for old in _of_same(claim, known)))))


def _new_figures(sentence: Sentence, known: set[str]) -> Iterator[str]:
    for figure in _FIGURE.findall(sentence.text):
        if _SEPARATORS.sub("", figure) not in known:
            yield f"no source says {figure}: {sentence.text}"


def _figures(text: str) -> set[str]:
    """Return the digits of a text's numbers: a language may write 1,200 as 1.200."""
    return {_SEPARATORS.sub("", figure) for figure in _FIGURE.findall(text)}
