"""Brings the keyword's density to where it reads well, without a word that claims anything."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import cycle

import msgspec

from contracts.articles import Draft, Paragraph, QuestionAnswer, Section, Sentence, Source
from stage_workers.article_text import draft_sentences, section_claims
from stage_workers.extractive.body import FEWEST_SECTIONS
from stage_workers.extractive.phrases import phrases
from stage_workers.extractive.questions import FAQ_FEWEST, PAA_FEWEST
from stage_workers.keywords import HIGHEST_DENSITY, LOWEST_DENSITY, density, occurrences

_MARGIN = 0.05
"""Kept to both bounds: later stages leave out a claim, or add an answer."""


def balanced(draft: Draft, keyword: str, language: str, sources: Iterable[Source]) -> Draft:
    """Return the draft with lines that name the keyword above sections while it is too rare, and without parts that
    can be spared while it is too frequent."""
    share = _density(draft, keyword, language)
    if share is None:
        return draft
    if share > HIGHEST_DENSITY - _MARGIN:
        return _rarer(draft, keyword, language)
    return _more(draft, keyword, language, {source.source_id: source.title for source in sources})


def is_crowded(draft: Draft, keyword: str, language: str) -> bool:
    """Whether a draft names the keyword more often than reads well."""
    return (_density(draft, keyword, language) or 0.0) > HIGHEST_DENSITY - _MARGIN


def _more(draft: Draft, keyword: str, language: str, titles: Mapping[str, str]) -> Draft:
    templates = cycle(phrases(language).section_leads)
    for at in range(len(draft.sections)):
        if (_density(draft, keyword, language) or 0.0) >= LOWEST_DENSITY + _MARGIN:
            break
        section = draft.sections[at]
        title = next((titles[name] for claim in section_claims(section) for name in claim.source_ids), "")
        lead = next(templates).format(keyword=keyword, title=title)
        draft = _with_section(draft, at, _led(section, lead))
    return draft


def _led(section: Section, lead: str) -> Section:
    """Return the section under this line; a line that only names its page gives way to it."""
    first = section.blocks[0]
    named = isinstance(first, Paragraph) and all(sentence.connective for sentence in first.sentences)
    line = Paragraph(sentences=(Sentence(text=lead, connective=True),))
    return msgspec.structs.replace(section, blocks=(line, *section.blocks[named:]))


def _with_section(draft: Draft, at: int, section: Section) -> Draft:
    return msgspec.structs.replace(draft, sections=(*draft.sections[:at], section, *draft.sections[at + 1 :]))


def _rarer(draft: Draft, keyword: str, language: str) -> Draft:
    """Leave out, one after the other, what brings the density down most; nothing when that does not suffice."""
    shorter, share = draft, _density(draft, keyword, language) or 0.0
    while share > HIGHEST_DENSITY - _MARGIN:
        choices = [(_density(other, keyword, language) or 0.0, other) for other in _shorter(shorter, keyword)]
        lowest = min(choices, key=lambda choice: choice[0], default=(share, shorter))
        if lowest[0] >= share:
            return draft
        share, shorter = lowest
    return shorter


def _shorter(draft: Draft, keyword: str) -> Iterator[Draft]:
    """Yield the draft without each single part that names the keyword and can be spared."""
    spare = {
        "takeaways": 0,
        "sections": FEWEST_SECTIONS,
        "faq": FAQ_FEWEST,
        "paa": PAA_FEWEST,
    }
    for name, fewest in spare.items():
        parts = getattr(draft, name)
        for at, part in enumerate(parts):
            if len(parts) > fewest and occurrences(_words(part), keyword):
                yield msgspec.structs.replace(draft, **{name: (*parts[:at], *parts[at + 1 :])})
    yield from _trimmed(draft, keyword)


def _trimmed(draft: Draft, keyword: str) -> Iterator[Draft]:
    """Yield the draft without each sentence that names the keyword and ends a section: nothing leans on it."""
    for at, section in enumerate(draft.sections):
        *others, last = section.blocks
        if isinstance(last, Paragraph) and len(last.sentences) > 1:
            *kept, spare = last.sentences
            if occurrences(spare.text, keyword) and not kept[-1].text.endswith(":"):
                shorter = msgspec.structs.replace(last, sentences=tuple(kept))
                blocks = (*others, shorter)
                yield _with_section(draft, at, msgspec.structs.replace(section, blocks=blocks))


def _words(part: Sentence | Section | QuestionAnswer) -> str:
    match part:
        case Sentence():
            return part.text
        case Section():
            return " ".join((part.heading, *(claim.text for claim in section_claims(part))))
        case QuestionAnswer():
            return " ".join((part.question, *(sentence.text for sentence in part.answer)))


def _density(draft: Draft, keyword: str, language: str) -> float | None:
    texts = [draft.headline, *(section.heading for section in draft.sections)]
    texts += [sentence.text for sentence in draft_sentences(draft)]
    texts += [item.question for item in (*draft.faq, *draft.paa)]
    return density(texts, keyword, language)
