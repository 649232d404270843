"""Natural language, 15 points."""

from __future__ import annotations

import re
from collections.abc import Iterable

from contracts.articles import ScorePart
from stage_workers.scoring.material import Material, part, share_of

LONGEST_DIRECT = 25
"""Words of a sentence that still counts as a direct statement."""
ENOUGH_CONVERSATION = 0.1
"""Share of sentences that speak to the reader, for all points."""
ENOUGH_DIRECT = 0.6
QUESTIONS = 3
_WORD = re.compile(r"[\w'’-]+")


def parts(material: Material) -> tuple[ScorePart, ...]:
    """Speaks to the reader 6, direct statements 5, questions as people ask them 4."""
    markers = material.markers
    texts = [sentence.text for sentence in material.sentences() if not sentence.connective]
    spoken = sum(has_any(text, markers.second_person) for text in texts)
    direct = sum(len(text.split()) <= LONGEST_DIRECT and not has_any(text, markers.hedges) for text in texts)
    asked = sum(_is_question(text, markers.question_words) for text in _questions(material))
    return (
        part(
            "conversational",
            6,
            share_of(spoken, len(texts), ENOUGH_CONVERSATION),
            f"{spoken} sentences say you",
        ),
        part(
            "direct_statements",
            5,
            share_of(direct, len(texts), ENOUGH_DIRECT),
            f"{direct} of {len(texts)} are short",
        ),
        part("question_patterns", 4, asked / QUESTIONS, f"{asked} questions as people ask them"),
    )


def has_any(text: str, words: Iterable[str]) -> bool:
    """Whether one of the words, or phrases, stands in the text; case does not matter."""
    joined = f" {' '.join(_WORD.findall(text.casefold().replace('’', chr(39))))} "
    return any(f" {word} " in joined for word in words)


def _questions(material: Material) -> list[str]:
    article = material.article
    return [
        *(section.heading for section in article.draft.sections),
        *(item.question for item in (*article.faq, *article.paa)),
    ]


def _is_question(text: str, question_words: Iterable[str]) -> bool:
    return text.rstrip().endswith("?") and has_any(text, question_words)
