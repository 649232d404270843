"""Questions and answers, 20 points."""

from __future__ import annotations

from contracts.articles import ScorePart
from stage_workers.scoring.material import Material, part

FEWEST_FAQ, MOST_FAQ = 5, 6
FEWEST_PAA, MOST_PAA = 3, 4
QUESTION_HEADINGS = 2


def parts(material: Material) -> tuple[ScorePart, ...]:
    """FAQ of 5 or 6 items 10, people-also-ask of 3 or 4 items 5, two question headings 5; fewer count in part."""
    article = material.article
    asked = sum(section.heading.rstrip().endswith("?") for section in article.draft.sections)
    return (
        part(
            "faq_items", 10, _count(len(article.faq), FEWEST_FAQ, MOST_FAQ), f"{len(article.faq)} FAQ items"
        ),
        part("paa_items", 5, _count(len(article.paa), FEWEST_PAA, MOST_PAA), f"{len(article.paa)} PAA items"),
        part("question_headings", 5, asked / QUESTION_HEADINGS, f"{asked} headings are questions"),
    )


def _count(items: int, fewest: int, most: int) -> float:
    """Return 1 inside the bounds, the share below, and the inverse share above: too many bury the good ones."""
    if items < fewest:
        return items / fewest
    return 1.0 if items <= most else most / items
