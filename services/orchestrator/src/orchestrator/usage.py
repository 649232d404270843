"""What a job's paid calls come to: sums, what is unsettled, and what was paid for twice. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import msgspec

from contracts.spending import Allowance
from contracts.stages import StageId
from contracts.usage import MICROS, MOST_DUPLICATES, DuplicateSpend, StageUsage, Usage


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the ledger."""

    stage: str
    run: int
    round: int
    attempt: int
    kind: str
    key: str
    name: str
    state: str
    reserved_micros: int | None
    cost_micros: int | None
    input_tokens: int
    output_tokens: int

    @property
    def at_most(self) -> int | None:
        """What it cost, or may have cost; None when its price is not known."""
        return self.reserved_micros if self.state == "open" else self.cost_micros


class Spending(msgspec.Struct, frozen=True, kw_only=True):
    """What the ledger says of one job."""

    max_cost_usd: float | None = None
    settled_micros: int = 0
    open_micros: int = 0
    usage: Usage | None = None

    def allowance(self) -> Allowance:
        """Return what a stage is told of it; the limit is rounded down."""
        limit = None if self.max_cost_usd is None else int(round(self.max_cost_usd * MICROS, 3))
        return Allowance(max_micros=limit, settled_micros=self.settled_micros, open_micros=self.open_micros)


def spending(entries: Sequence[Entry]) -> Spending:
    """Return the sums of a job's calls, which come in the order in which they were begun."""
    return Spending(
        settled_micros=sum(each.cost_micros or 0 for each in entries if each.state == "done"),
        open_micros=sum(each.reserved_micros or 0 for each in entries if each.state == "open"),
        usage=_usage(entries),
    )


def _usage(entries: Sequence[Entry]) -> Usage:
    made = [each for each in entries if each.state != "refused"]
    unsettled = [each for each in made if each.state == "open"]
    stages: defaultdict[str, list[Entry]] = defaultdict(list)
    for each in made:
        stages[_name(each.stage)].append(each)
    whole = _stage_usage(made)
    return Usage(
        calls=whole.calls,
        input_tokens=whole.input_tokens,
        output_tokens=whole.output_tokens,
        searches=whole.searches,
        images=whole.images,
        cost_usd=whole.cost_usd,
        unsettled=len(unsettled),
        unsettled_usd=_usd(each.reserved_micros or 0 for each in unsettled),
        duplicate_spend=duplicates(made)[:MOST_DUPLICATES],
        stages={name: _stage_usage(calls) for name, calls in stages.items()},
    )


def _stage_usage(calls: Sequence[Entry]) -> StageUsage:
    kinds = [each.kind for each in calls]
    done = [each for each in calls if each.state == "done"]
    return StageUsage(
        calls=kinds.count("model"),
        input_tokens=sum(each.input_tokens for each in calls),
        output_tokens=sum(each.output_tokens for each in calls),
        searches=kinds.count("search"),
        images=kinds.count("image"),
        cost_usd=_known_usd([each.cost_micros for each in done], [each.reserved_micros for each in calls]),
    )


def _known_usd(costs: Sequence[int | None], reserved: Sequence[int | None]) -> float | None:
    """Return the sum of the costs; None when one of them, or of those to come, is not known."""
    if None in costs or None in reserved:
        return None
    return _usd(each or 0 for each in costs)


def duplicates(made: Iterable[Entry]) -> tuple[DuplicateSpend, ...]:
    """Return the calls that were made again though they may have been paid for.

    Those are calls without an outcome, and calls of the same attempt whose answer was lost. An answer that was there
    and could not be used is asked for again by a later attempt: that is no accident of the books.
    """
    alike: defaultdict[tuple[str, int, str, str], list[Entry]] = defaultdict(list)
    for each in made:
        alike[each.stage, each.round, each.kind, each.key].append(each)
    found = ((calls, _repeated(calls)) for calls in alike.values())
    return tuple(_duplicate(calls[0], repeated) for calls, repeated in found if repeated)


def _repeated(calls: Sequence[Entry]) -> list[Entry]:
    """Return those of calls that ask the same whose money went twice: all that a later one did again."""
    return [
        each
        for number, each in enumerate(calls)
        if any(
            each.state == "open" or (each.run, each.attempt) == (later.run, later.attempt)
            for later in calls[number + 1 :]
        )
    ]


def _duplicate(call: Entry, repeated: Sequence[Entry]) -> DuplicateSpend:
    costs = [each.at_most for each in repeated]
    return DuplicateSpend(
        stage=_name(call.stage),
        kind=call.kind,
        key=call.name,
        times=len(repeated),
        cost_usd=None if None in costs else _usd(each or 0 for each in costs),
    )


def _name(stage: str) -> str:
    """Return a stage's name; one of a later release is called by its id."""
    return StageId(stage).field if stage in frozenset(StageId) else stage


def _usd(micros: Iterable[int]) -> float:
    return sum(micros) / MICROS
