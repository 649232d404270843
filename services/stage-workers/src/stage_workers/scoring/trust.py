"""Experience, expertise, authority, trust: 15 points."""

from __future__ import annotations

from contracts.articles import Citation, ScorePart
from stage_workers.markets import is_authority
from stage_workers.scoring.language import has_any
from stage_workers.scoring.material import Material, part

EXPERIENCED_SENTENCES = 2
_INSTITUTIONS = ("gov", "edu", "int", "gov.uk", "ac.uk", "europa.eu")


def parts(material: Material) -> tuple[ScorePart, ...]:
    """First-hand experience 4, a named author with a role 4, the author's address 4, sources one can hold to it 3."""
    article = material.article
    lived = sum(has_any(sentence.text, material.markers.experience) for sentence in material.sentences())
    author = article.author
    named = 0.0 if author is None else 1.0 if author.role else 0.5
    return (
        part("experience", 4, lived / EXPERIENCED_SENTENCES, f"{lived} sentences tell of own experience"),
        part("expertise", 4, named, "the author is named, with a role"),
        part("author_url", 4, author is not None and bool(author.url), "the author has a page"),
        part(
            "trustworthy_sources",
            3,
            _trustworthy(material),
            "sources name an author or a date, or are institutions",
        ),
    )


def _trustworthy(material: Material) -> float:
    """Return twice the share of accountable sources: half of them is enough."""
    citations = material.article.citations
    return (
        0.0
        if not citations
        else 2 * sum(_accountable(each, material.authorities) for each in citations) / len(citations)
    )


def _accountable(citation: Citation, authorities: tuple[str, ...]) -> bool:
    named = bool(citation.author or citation.published)
    return named or is_authority(citation.url, (*_INSTITUTIONS, *authorities))
