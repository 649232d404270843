"""What a job has used of what costs money. Amounts are USD; the books are kept in millionths of it, rounded up."""

from __future__ import annotations

import msgspec

MICROS = 1_000_000
"""Parts of a US dollar that amounts are counted in: whole numbers add up exactly."""
MOST_DUPLICATES = 50
"""Repeated calls that a report lists; the totals cover all."""


class DuplicateSpend(msgspec.Struct, frozen=True, kw_only=True):
    """A call that was made again though it may have been paid for: nobody could say what had come of it."""

    stage: str
    """The stage's name, such as ``research``."""
    kind: str
    """model, search or image."""
    key: str
    """What was repeated: the query, the picture's title, or the task that the model was given."""
    times: int
    """How often it was made again."""
    cost_usd: float | None = None
    """What the repetitions cost, at most; None when that is not known."""


class StageUsage(msgspec.Struct, frozen=True, kw_only=True):
    """What one stage used, over all rounds and attempts."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    searches: int = 0
    images: int = 0
    cost_usd: float | None = 0.0


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What a job used. ``cost_usd`` and what is unsettled together are what counts towards ``max_cost_usd``."""

    calls: int = 0
    """Of the language model."""
    input_tokens: int = 0
    output_tokens: int = 0
    searches: int = 0
    images: int = 0
    pages: int = 0
    """Pages that research read; known in the result."""
    cost_usd: float | None = 0.0
    """None when a call was made whose price is not set."""
    unsettled: int = 0
    """Calls that nobody knows the outcome of: under way, cut off, or not answered in time."""
    unsettled_usd: float = 0.0
    """What they may have cost, at most."""
    duplicate_spend: tuple[DuplicateSpend, ...] = ()
    stages: dict[str, StageUsage] = {}
    """By the stage's name; those that used something."""
