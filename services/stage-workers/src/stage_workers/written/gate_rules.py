"""The gate's rules in words, for those who write: each number and phrase is the one that the gate checks by."""

from __future__ import annotations

from collections.abc import Iterator

from stage_workers.gates.phrases import unwanted
from stage_workers.gates.texts import LONGEST_PARAGRAPH
from stage_workers.keywords import HIGHEST_DENSITY, LOWEST_DENSITY
from stage_workers.scoring import answer, language, questions, structure


def rules(keyword: str, language_tag: str) -> tuple[str, ...]:
    """Return what the gate holds of any text in this BCP 47 language, a line each."""
    return tuple(_rules(keyword, language_tag))


def of_articles() -> tuple[str, ...]:
    """Return what the gate counts in a whole article, a line each."""
    return (
        f"The direct answer has {answer.FEWEST_WORDS} to {answer.MOST_WORDS} words, the keyword among them",
        f"The FAQ has {questions.FEWEST_FAQ} to {questions.MOST_FAQ} questions",
        f"The people-also-ask list has {questions.FEWEST_PAA} to {questions.MOST_PAA} questions",
        f"At least {structure.HEADINGS} sections, at least {questions.QUESTION_HEADINGS} of their headings questions",
        "At least one list of two or more items",
    )


def _rules(keyword: str, tag: str) -> Iterator[str]:
    yield f"No paragraph, introduction or answer has more than {LONGEST_PARAGRAPH} words"
    yield (
        f"“{keyword}” comes {LOWEST_DENSITY:g} to {HIGHEST_DENSITY:g} times in a hundred words of the whole article: "
        "vary the words and say “it” rather than pass that"
    )
    share = f"{language.ENOUGH_DIRECT:.0%}"
    yield f"At least {share} of the sentences have at most {language.LONGEST_DIRECT} words and no word of doubt"
    yield "Each sentence is whole and ends with its full stop; items of lists may be phrases"
    yield "Texts are plain: no Markdown, no HTML, no address that is not a source's"
    phrases = unwanted(tag).stock
    if phrases:
        yield f"None of these stock phrases: {'; '.join(phrases)}"
