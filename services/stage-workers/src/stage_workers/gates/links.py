"""Checks of sources and links."""

from __future__ import annotations

from collections.abc import Iterator

from contracts.articles import Finding
from stage_workers.article_text import section_text
from stage_workers.links_in_text import addresses, host
from stage_workers.scoring.material import Material


def broken_citations(material: Material) -> Iterator[Finding]:
    """Every claim has a source that has a number."""
    for sentence in material.sentences():
        if not sentence.connective and not material.cited.intersection(sentence.source_ids):
            message = "a claim has no source in the list"
            yield Finding(code="broken_citation", message=message, critical=True, where=sentence.text)


def unfit_citations(material: Material) -> Iterator[Finding]:
    """No source is cited that is no evidence: a competitor's page, or the company's own beside other sources."""
    for citation in material.article.citations:
        if citation.source_id in material.barred:
            message = f"source {citation.number} may not be cited as evidence"
            yield Finding(code="unfit_citation", message=message, critical=True, where=citation.url)


def invented_links(material: Material) -> Iterator[Finding]:
    """Internal links lead to pages that exist; addresses in texts, to the company's host or to a source."""
    known = {page.url for page in material.company.pages} | material.sibling_urls
    for link in material.article.internal_links:
        if link.url not in known:
            message = f"{link.url} is no page of the company"
            yield Finding(code="invented_link", message=message, critical=True, where=link.anchor_text)
    hosts = {host(url) for url in (material.company.url, *known, *material.source_urls)}
    for text in material.texts():
        for address in addresses(text):
            if host(address) not in hosts:
                message = f"{address} is neither the company's nor a source's"
                yield Finding(code="invented_link", message=message, critical=True, where=text)


def misplaced_links(material: Material) -> Iterator[Finding]:
    """Internal links stand on words that are there."""
    sections = material.article.draft.sections
    for link in material.article.internal_links:
        if link.section >= len(sections) or link.anchor_text not in section_text(sections[link.section]):
            message = f"the words of the link to {link.url} are not in its section"
            yield Finding(code="misplaced_link", message=message, where=link.anchor_text)
