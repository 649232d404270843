"""The article advertises nobody else."""

from __future__ import annotations

from collections.abc import Iterator

from contracts.articles import Finding
from stage_workers.scoring.material import Material
from stage_workers.site.competitors import of_company


def competitor_mentions(material: Material) -> Iterator[Finding]:
    """No text names a competitor of the company's profile."""
    rivals = of_company(material.company)
    for text in material.texts():
        name = rivals.mentioned(text)
        if name:
            yield Finding(
                code="competitor_mention",
                message=f"the competitor {name} is named",
                critical=True,
                where=text,
            )
