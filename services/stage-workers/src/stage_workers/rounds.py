"""The rounds of an article as its reader is told of them: what the gate said, and what became of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

import msgspec

from contracts.articles import RoundReport


def history(rounds: Iterable[RoundReport]) -> tuple[RoundReport, ...]:
    """Return the reports; each after the first also says how it differs from the one before in the gate's eyes."""
    reports = tuple(rounds)
    later = (
        msgspec.structs.replace(report, changes=(*report.changes, *_difference(before, report)))
        for before, report in pairwise(reports)
    )
    return (*reports[:1], *later)


def _difference(before: RoundReport, after: RoundReport) -> Iterator[str]:
    old, new = _codes(before), _codes(after)
    solved = [code for code in old if code not in new]
    added = [code for code in new if code not in old]
    yield f"score {before.score:g} became {after.score:g}"
    if solved:
        yield f"solved: {', '.join(solved)}"
    if added:
        yield f"new: {', '.join(added)}"


def _codes(report: RoundReport) -> dict[str, None]:
    """Return the codes of a round's findings, each once, in their order."""
    return dict.fromkeys(finding.code for finding in report.findings)
