"""Citation clarity, 15 points."""

from __future__ import annotations

from contracts.articles import ScorePart
from stage_workers.article_text import section_claims
from stage_workers.scoring.material import Material, part, share_of


def parts(material: Material) -> tuple[ScorePart, ...]:
    """Numbered [n] without gaps, each with address and title 5; claims that have a source 5; sections with one 5."""
    article, cited = material.article, material.cited
    numbers = [citation.number for citation in article.citations]
    complete = all(citation.url and citation.title for citation in article.citations)
    orderly = bool(numbers) and numbers == list(range(1, len(numbers) + 1)) and complete
    claims = [sentence for sentence in material.sentences() if not sentence.connective]
    backed = sum(bool(cited.intersection(claim.source_ids)) for claim in claims)
    sections = article.draft.sections
    spread = sum(
        any(cited.intersection(claim.source_ids) for claim in section_claims(section)) for section in sections
    )
    return (
        part("citation_form", 5, orderly, f"{len(numbers)} sources, numbered from 1"),
        part(
            "citation_match",
            5,
            share_of(backed, len(claims)),
            f"{backed} of {len(claims)} claims have a source",
        ),
        part(
            "citation_spread",
            5,
            share_of(spread, len(sections)),
            f"{spread} of {len(sections)} sections cite",
        ),
    )
