"""What must not be in an article: separate checks, each pure, each giving findings."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from contracts.articles import Finding
from stage_workers.gates import competition, language, links, repetition, texts
from stage_workers.scoring.material import Material

CHECKS: tuple[Callable[[Material], Iterator[Finding]], ...] = (
    texts.missing_fields,
    texts.long_paragraphs,
    texts.truncated_items,
    texts.markup,
    texts.unclosed_html,
    texts.stock_phrases,
    texts.keyword_density,
    language.wrong_language,
    competition.competitor_mentions,
    repetition.duplicate_sections,
    repetition.repeated_sentences,
    links.broken_citations,
    links.unfit_citations,
    links.invented_links,
    links.misplaced_links,
)


def findings(material: Material) -> tuple[Finding, ...]:
    """Return what all checks found, critical findings first."""
    found = [finding for check in CHECKS for finding in check(material)]
    return tuple(sorted(found, key=lambda finding: not finding.critical))
