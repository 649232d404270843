"""Checks of sources and links."""

from __future__ import annotations

from collections.abc import Iterator

from contracts.articles import Finding
from stage_workers.article_text import section_text
from stage_workers.scoring.material import Material


def broken_citations(material: Material) -> Iterator[Finding]:
    """Every claim has a source that has a number."""
    for sentence in material.sentences():
        if not sentence.connective and not material.cited.intersection(sentence.source_ids):
            message = "a claim has no source in the list"
            yield Finding(code="broken_citation", message=message, critical=True, where=sentence.text)


def invented_links(material: Material) -> Iterator[Finding]:
    """Internal links lead to pages that exist, and stand on words that are there."""
    sections = material.article.draft.sections
    known = {page.url for page in material.company.pages} | material.sibling_urls
    for link in material.article.internal_links:
        if link.url not in known:
            message = f"{link.url} is no page of the company"
            yield Finding(code="invented_link", message=message, critical=True, where=link.anchor_text)
        elif link.section >= len(sections) or link.anchor_text not in section_text(sections[link.section]):
            message = f"the words of the link to {link.url} are not in its section"
            yield Finding(code="misplaced_link", message=message, where=link.anchor_text)
