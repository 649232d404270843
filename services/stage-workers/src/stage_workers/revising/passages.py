"""An article's passages: the opening, each section, the questions. One is taken out, revised, and put back."""

from __future__ import annotations

import msgspec

from contracts.articles import Article, Draft, Section
from stage_workers.assembly import revised
from stage_workers.tasks import Opening, Passage, Questions

_NOTHING = Draft(headline="", teaser="", direct_answer=(), intro=(), sections=())
_OPENING = 0


def passages(article: Article) -> tuple[Passage, ...]:
    """Return the passages in reading order. A passage's place stays when others are revised."""
    draft = article.draft
    opening = Opening(
        headline=draft.headline,
        teaser=draft.teaser,
        direct_answer=draft.direct_answer,
        intro=draft.intro,
        takeaways=draft.takeaways,
    )
    asked = (Questions(faq=article.faq, paa=article.paa),) if article.faq or article.paa else ()
    return (opening, *draft.sections, *asked)


def name(passage: Passage) -> str:
    """Return what a reader calls a passage."""
    match passage:
        case Opening():
            return "opening"
        case Section(heading=heading):
            return heading
        case Questions():
            return "questions"


def as_draft(passage: Passage) -> Draft:
    """Return a passage as a draft of nothing else, so that what reads drafts reads it."""
    match passage:
        case Opening():
            return msgspec.structs.replace(_NOTHING, **msgspec.structs.asdict(passage))
        case Section():
            return msgspec.structs.replace(_NOTHING, sections=(passage,))
        case Questions(faq=faq, paa=paa):
            return msgspec.structs.replace(_NOTHING, faq=faq, paa=paa)


def put_back(article: Article, place: int, passage: Draft) -> Article:
    """Return the article with another passage, as a draft, in this place."""
    draft = article.draft
    if place == _OPENING:
        names = Opening.__struct_fields__
        return revised(
            article, msgspec.structs.replace(draft, **{each: getattr(passage, each) for each in names})
        )
    if place <= len(draft.sections):
        sections = (*draft.sections[: place - 1], *passage.sections, *draft.sections[place:])
        return revised(article, msgspec.structs.replace(draft, sections=sections))
    return revised(msgspec.structs.replace(article, faq=passage.faq, paa=passage.paa), draft)
