"""The brief: what the keyword's words and the site's own headings say about what to write."""

from collections.abc import Iterable
from typing import Literal

from contracts.stages import BriefOutput
from stage_workers.extractive.phrases import FALLBACK, Phrases, languages, phrases
from stage_workers.extractive.ranking import is_new, scores
from stage_workers.extractive.sentences import is_boilerplate, is_question
from stage_workers.keywords import fold
from stage_workers.tasks import WriteBrief

WORD_TARGET = 1400
_OUTLINE, _QUESTIONS = 9, 12
_QUERIES = 24
_FOUND_QUERIES = 8
_SAME = 85.0

Intent = Literal["informational", "commercial", "navigational", "transactional"]


def plan(task: WriteBrief) -> BriefOutput:
    """Return the plan: outline and questions from the site's headings, completed by general questions."""
    request, company = task.request, task.company
    known = phrases(request.language)
    keyword = " ".join(request.primary_keyword.split())
    headings = relevant(company.headings, keyword, request.language, known)
    general = [question.format(keyword=keyword) for question in known.questions]
    asked = [heading for heading in headings if is_question(heading)]
    return BriefOutput(
        audience=known.audience.format(keyword=keyword, country=company.country, company=company.name),
        intent=intent(keyword, known),
        angle=known.angle.format(keyword=keyword, company=company.name),
        outline=tuple(_distinct([*headings, *general], _OUTLINE)),
        questions=tuple(_distinct([*general[:3], *asked, *general[3:]], _QUESTIONS)),
        queries=tuple(_queries(keyword, headings, company.offers, company.name, known)),
        word_target=request.word_count or WORD_TARGET,
        language=request.language,
        country=company.country,
        tone=request.tone or "",
        rules=task.rules,
        notes=tuple(_notes(task)),
    )


def relevant(headings: Iterable[str], keyword: str, language: str, known: Phrases) -> list[str]:
    """Return the headings that have to do with the keyword, best first, then the other questions."""
    usable = [
        heading for heading in dict.fromkeys(headings) if heading and not is_boilerplate(heading, known)
    ]
    ranked = scores(usable, keyword, language)
    order = sorted(range(len(usable)), key=lambda at: (-ranked[at], at))
    return [usable[at] for at in order if ranked[at] > 0 or is_question(usable[at])]


def intent(keyword: str, known: Phrases) -> Intent:
    """Return the search intent that the keyword's words show; informational when none does."""
    words = {*keyword.casefold().split(), *(fold(word) for word in keyword.casefold().split())}
    if words & known.transactional:
        return "transactional"
    if words & known.navigational:
        return "navigational"
    return "commercial" if words & known.commercial else "informational"


def _queries(
    keyword: str, headings: list[str], offers: Iterable[str], company: str, known: Phrases
) -> list[str]:
    aspects = [f"{keyword} {aspect}" for aspect in known.aspects]
    offered = [f"{keyword} {offer}" for offer in offers]
    found = [*headings[:_FOUND_QUERIES], *offered[:_FOUND_QUERIES]]
    return _distinct([keyword, f"{keyword} {company}", *found, *aspects], max(_QUERIES, len(aspects) + 1))


def _distinct(texts: Iterable[str], most: int) -> list[str]:
    kept: list[str] = []
    for text in texts:
        if len(kept) < most and is_new(text, kept, _SAME):
            kept.append(text)
    return kept


def _notes(task: WriteBrief) -> list[str]:
    request = task.request
    notes = []
    if request.tone:
        notes.append("tone: not applied, the extractive generator keeps the words of the pages")
    if request.content_generation_instruction or request.system_prompts:
        notes.append(
            "content_generation_instruction and system_prompts: not applied, "
            "the extractive generator does not follow instructions"
        )
    if request.language.split("-")[0].lower() not in languages():
        notes.append(f"language {request.language}: connecting phrases are in English ({FALLBACK})")
    return notes
