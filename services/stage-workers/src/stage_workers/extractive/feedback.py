"""Turns what the quality gate found in earlier rounds into other choices for the next one."""

from collections.abc import Iterable, Sequence

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
    """Sentences and headings to leave out."""


def choices(rounds: Iterable[RoundReport]) -> Choices:
    """Return the choices for the round after ``rounds``."""
    chosen = Choices()
    for report in rounds:
        if not report.passed:
            chosen = _heed(chosen, report.findings)
    return chosen


def described(rounds: Sequence[RoundReport]) -> tuple[str, ...]:
    """Return what the round after ``rounds`` chooses otherwise than the one before it, a line each."""
    before, after = choices(rounds[:-1]), choices(rounds)
    lines = {
        "answer_rank": f"took direct answer number {after.answer_rank + 1} in order of fitness",
        "likeness": f"took sentences that are {after.likeness:g} % alike for the same",
        "spread": "took fewer sections from one page",
        "stretch": f"aimed at {after.stretch:g} times the words",
        "avoid": f"left out {len(after.avoid) - len(before.avoid)} passages that findings name",
    }
    return tuple(line for name, line in lines.items() if getattr(before, name) != getattr(after, name))


def _heed(chosen: Choices, findings: Sequence[Finding]) -> Choices:
    """Vary what the findings' codes speak of, once a round, and avoid the texts that they name."""
    codes = " ".join(finding.code.casefold() for finding in findings)
    named = (finding.where for finding in findings if finding.where)
    changes: dict[str, object] = {"avoid": (*chosen.avoid, *named)}
    if not findings or "answer" in codes:
        changes["answer_rank"] = chosen.answer_rank + 1
    if _any(codes, "duplicate", "repeat", "similar"):
        changes["likeness"] = min(chosen.likeness, _STRICTER_LIKENESS)
    if _any(codes, "spread", "source", "citation"):
        changes["spread"] = chosen.spread + _MORE_SPREAD
    if _any(codes, "word", "short", "section", "faq", "paa", "question", "heading", "list", "experience"):
        changes["stretch"] = min(chosen.stretch * _STRETCH, _LONGEST_STRETCH)
    return msgspec.structs.replace(chosen, **changes)


def _any(codes: str, *parts: str) -> bool:
    return any(part in codes for part in parts)
