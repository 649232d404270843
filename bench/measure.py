"""Side by side: a subject and its baselines take turns, and only ratios of the same round are compared."""

from __future__ import annotations

import statistics
from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec

Measured = Mapping[str, float]
"""What one turn gave, by metric. All sides of a row that share a metric are compared by it."""
Side = Callable[[], Awaitable[Measured]]


class Line(msgspec.Struct, frozen=True):
    """One metric of one row against one baseline."""

    row: str
    metric: str
    baseline: str
    ours: float
    theirs: float
    """Medians over the rounds, in the metric's unit."""
    ratio: float
    """Median of the rounds' own ratios, ours to theirs."""
    lowest: float
    highest: float
    better: str
    """``more`` or ``less``: which way the ratio is good."""


async def side_by_side(row: str, ours: Side, baselines: Mapping[str, Side], rounds: int) -> list[Line]:
    """Measure all sides in every round, and return a line per metric and baseline."""
    taken = await in_turn({"": ours, **baselines}, rounds)
    return [one for name in baselines for one in compared(row, name, taken[""], taken[name])]


async def in_turn(sides: Mapping[str, Side], rounds: int) -> dict[str, list[Measured]]:
    """Measure all sides in every round, a different one first each time."""
    taken: dict[str, list[Measured]] = {name: [] for name in sides}
    names = list(sides)
    for number in range(rounds):
        start = number % len(names)
        for name in names[start:] + names[:start]:
            taken[name].append(await sides[name]())
    return taken


def compared(row: str, baseline: str, ours: Sequence[Measured], theirs: Sequence[Measured]) -> list[Line]:
    """Return a line for each metric that both sides have."""
    return [
        line(row, metric, baseline, [one[metric] for one in ours], [one[metric] for one in theirs])
        for metric in theirs[0]
        if metric in ours[0]
    ]


def line(row: str, metric: str, baseline: str, ours: Sequence[float], theirs: Sequence[float]) -> Line:
    """Return the comparison of two series that were taken round by round."""
    ratios = [mine / other for mine, other in zip(ours, theirs, strict=True)]
    return Line(
        row=row,
        metric=metric,
        baseline=baseline,
        ours=statistics.median(ours),
        theirs=statistics.median(theirs),
        ratio=statistics.median(ratios),
        lowest=min(ratios),
        highest=max(ratios),
        better="more" if metric.endswith("/s") else "less",
    )


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that ``share`` of all values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def latencies(seconds: Sequence[float], name: str = "") -> dict[str, float]:
    """Return p50 and p99 in milliseconds."""
    prefix = f"{name} " if name else ""
    return {f"{prefix}p{p} ms": percentile(seconds, p / 100) * 1000 for p in (50, 99)}


def table(lines: Sequence[Line]) -> str:
    """Return the lines as a table, ratios first."""
    head = ("row", "metric", "ratio", "min-max", "good", "ours", "baseline", "against")
    cells = [
        (
            one.row,
            one.metric,
            f"{one.ratio:.2f}",
            f"{one.lowest:.2f}-{one.highest:.2f}",
            one.better,
            _figure(one.ours),
            _figure(one.theirs),
            one.baseline,
        )
        for one in lines
    ]
    widths = [max(len(row[column]) for row in (head, *cells)) for column in range(len(head))]
    texts = [
        " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in (head, tuple("-" * width for width in widths), *cells)
    ]
    return "\n".join(f"| {text} |" for text in texts)


def _figure(value: float) -> str:
    digits = 0 if value >= 100 else 1 if value >= 10 else 2  # noqa: PLR2004  three significant figures
    return f"{value:,.{digits}f}"
