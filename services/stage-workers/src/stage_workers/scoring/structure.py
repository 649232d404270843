"""Structure, 10 points."""

from __future__ import annotations

from contracts.articles import BulletList, ScorePart
from stage_workers.scoring.material import Material, part

HEADINGS = 4


def parts(material: Material) -> tuple[ScorePart, ...]:
    """A list of two and more items 5, four headings 5."""
    sections = material.article.draft.sections
    lists = sum(
        isinstance(block, BulletList) and len(block.items) > 1 for s in sections for block in s.blocks
    )
    return (
        part("lists", 5, lists > 0, f"{lists} lists"),
        part("headings", 5, len(sections) / HEADINGS, f"{len(sections)} sections"),
    )
