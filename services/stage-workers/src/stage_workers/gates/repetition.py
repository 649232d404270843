"""Checks for things said twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import combinations

from rapidfuzz import fuzz

from contracts.articles import Finding, Section
from stage_workers.article_text import section_claims
from stage_workers.scoring.material import Material

SAME_HEADING = 92.0
SAME_TEXT = 85.0
"""Likeness in percent."""


def duplicate_sections(material: Material) -> Iterator[Finding]:
    """Two sections must not have the same heading or say the same."""
    for one, other in combinations(material.article.draft.sections, 2):
        headings = fuzz.ratio(one.heading.casefold(), other.heading.casefold())
        texts = fuzz.token_sort_ratio(_claims(one), _claims(other))
        if headings >= SAME_HEADING or texts >= SAME_TEXT:
            message = f"“{one.heading}” and “{other.heading}” are the same"
            yield Finding(code="duplicate_section", message=message, critical=True, where=other.heading)


def _claims(section: Section) -> str:
    return " ".join(claim.text for claim in section_claims(section))


def repeated_sentences(material: Material) -> Iterator[Finding]:
    """A claim stands once. (The key takeaways and answers may say again what a section says; more than that not.)"""
    counts = Counter(sentence.text for sentence in material.sentences() if not sentence.connective)
    for text, count in counts.items():
        if count > 2:  # noqa: PLR2004  once in a section, once in a summary
            yield Finding(code="repeated_sentence", message=f"a sentence stands {count} times", where=text)
