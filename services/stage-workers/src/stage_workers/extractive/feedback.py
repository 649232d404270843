"""Turns what the quality gate found in earlier rounds into other choices for the next one."""

from collections.abc import Iterable

import msgspec

from contracts.articles import Finding, RoundReport

_STRICTER_LIKENESS = 75.0
_STRETCH = 1.35
_MORE_SPREAD = 0.25
_LONGEST_STRETCH = 2.5


class Choices(msgspec.Struct, frozen=True, kw_only=True):
    """What the composition may vary."""

    answer_rank: int = 0
    """Which of the possible direct answers to take, the best being 0."""
    likeness: float = 88.0
    """From where two sentences count as the same, 0 to 100."""
    spread: float = 0.15
    """How much less each further topic of one page counts."""
    stretch: float = 1.0
    """Factor on the word target."""
    avoid: tuple[str, ...] = ()
    """Texts to leave out."""


def choices(rounds: Iterable[RoundReport]) -> Choices:
    """Return the choices for the round after ``rounds``."""
    chosen = Choices()
    for report in rounds:
        if report.passed:
            continue
        for finding in report.findings:
            chosen = _heed(chosen, finding)
        if not report.findings:
            chosen = msgspec.structs.replace(chosen, answer_rank=chosen.answer_rank + 1)
    return chosen


def _heed(chosen: Choices, finding: Finding) -> Choices:
    """Words of the finding's code decide; the texts that it names are avoided in any case."""
    code = finding.code.casefold()
    changes: dict[str, object] = {"avoid": (*chosen.avoid, *filter(None, (finding.where, finding.message)))}
    if _any(code, "direct_answer", "answer"):
        changes["answer_rank"] = chosen.answer_rank + 1
    if _any(code, "duplicate", "repeat", "same", "similar"):
        changes["likeness"] = min(chosen.likeness, _STRICTER_LIKENESS)
    if _any(code, "spread", "source", "citation", "trust"):
        changes["spread"] = chosen.spread + _MORE_SPREAD
    if _any(code, "word", "short", "thin", "section", "faq", "paa", "question", "heading", "length"):
        changes["stretch"] = min(chosen.stretch * _STRETCH, _LONGEST_STRETCH)
    return msgspec.structs.replace(chosen, **changes)


def _any(code: str, *parts: str) -> bool:
    return any(part in code for part in parts)
