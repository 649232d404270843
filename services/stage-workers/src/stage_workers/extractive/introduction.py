"""The introduction and the takeaways: single passages that stand on their own."""

import re
from collections.abc import Sequence

from contracts.articles import Sentence
from stage_workers.extractive.ledger import Ledger
from stage_workers.extractive.phrases import Phrases, phrases
from stage_workers.extractive.sentences import heading_leans
from stage_workers.extractive.topics import Topic, relevant
from stage_workers.extractive.windows import Window, windows

_INTRO_FEWEST, _INTRO_MOST = 20, 70
_OTHER_PAGE_BONUS = 0.2
_TAKEAWAYS = 5
_TAKEAWAY_FEWEST, _TAKEAWAY_MOST = 7, 28
_BEGINNING = 8


def introduce(
    topics: Sequence[Topic], keyword: str, language: str, ledger: Ledger, answer: Sequence[Sentence]
) -> tuple[Sentence, ...]:
    """Return some sentences to begin with: from the opening of a page, of another than the answer if one is as good;
    a line about the article itself where no page opens with something on the keyword."""
    known, threshold = phrases(language), relevant(topics)
    answered = {source_id for sentence in answer for source_id in sentence.source_ids}
    prose = [topic for topic in topics if topic.place[1] == 0 and not topic.from_questions_page]
    openings = [topic for topic in prose if topic.score >= threshold]
    found = windows(openings, keyword, language, known, ledger, _INTRO_MOST)
    found = [window for window in found if window.words >= _INTRO_FEWEST and len(window.texts) > 1]
    if not found:
        return (Sentence(text=known.introduction.format(keyword=keyword), connective=True),)
    best = max(
        found,
        key=lambda window: window.score + _OTHER_PAGE_BONUS * (window.topic.source.source_id not in answered),
    )
    ledger.take(*best.texts)
    return tuple(best.topic.sentence(text) for text in best.texts)


def take_away(
    topics: Sequence[Topic], keyword: str, language: str, ledger: Ledger, company: str
) -> tuple[Sentence, ...]:
    """Return up to five short sentences that the article has not used, each of another topic; none that speaks of
    the company, which is nothing to take away."""
    known, threshold = phrases(language), relevant(topics)
    found = windows(topics, keyword, language, known, ledger, _TAKEAWAY_MOST)
    chosen: list[Sentence] = []
    seen: set[tuple[int, int]] = set()
    for window in found:
        if window.topic.score < threshold or not _is_single(window, known):
            continue
        if _speaks_of(company, window.texts[0], known):
            continue
        if window.topic.place not in seen and ledger.is_fresh(window.texts[0]):
            seen.add(window.topic.place)
            ledger.take(window.texts[0])
            chosen.append(window.topic.sentence(window.texts[0]))
        if len(chosen) == _TAKEAWAYS:
            break
    return tuple(chosen)


def _speaks_of(company: str, text: str, known: Phrases) -> bool:
    folded = text.casefold()
    return company.casefold() in folded or not known.own_voice.isdisjoint(re.findall(r"\w+", folded))


def _is_single(window: Window, known: Phrases) -> bool:
    """Say whether this is one sentence that refers to nothing before it."""
    beginning = " ".join(window.texts[0].split()[:_BEGINNING])
    return len(window.texts) == 1 and window.words >= _TAKEAWAY_FEWEST and not heading_leans(beginning, known)
