"""The AEO score: how well an article answers, 0 to 100. One module for each group of points."""

from __future__ import annotations

from collections.abc import Callable

from contracts.articles import ScorePart
from stage_workers.scoring import answer, citations, language, questions, structure, trust
from stage_workers.scoring.material import Material

PARTS: tuple[Callable[[Material], tuple[ScorePart, ...]], ...] = (
    answer.parts,
    questions.parts,
    citations.parts,
    language.parts,
    structure.parts,
    trust.parts,
)


def score(material: Material) -> tuple[ScorePart, ...]:
    """Return every part of the score; their points add up to the score, their maxima to 100."""
    return tuple(part for parts in PARTS for part in parts(material))


def total(parts: tuple[ScorePart, ...]) -> float:
    """Return the score, to one decimal."""
    return round(sum(part.points for part in parts), 1)
