"""The table of contents: a label and an anchor for each section."""

from __future__ import annotations

import re
from collections.abc import Iterable

from contracts.articles import Section, TocEntry
from stage_workers.slugs import slug, unique
from stage_workers.wording import clip

LONGEST_LABEL = 70
_OTHER_PLACES = re.compile(r"(takeaways|faq|paa|sources?)(-\d+)?")
"""Anchors of the parts around the sections."""


def entries(sections: Iterable[Section]) -> tuple[TocEntry, ...]:
    """Return an entry for each section, its anchor unique and made from the headings alone, so that links to it
    stay right."""
    made: list[TocEntry] = []
    taken: set[str] = set()
    for number, section in enumerate(sections):
        anchor = unique(_anchor(section.heading, f"section-{number + 1}"), taken)
        taken.add(anchor)
        made.append(TocEntry(label=clip(section.heading, LONGEST_LABEL), anchor=anchor, section=number))
    return tuple(made)


def _anchor(heading: str, fallback: str) -> str:
    anchor = slug(heading, fallback)
    return f"{anchor}-section" if _OTHER_PLACES.fullmatch(anchor) else anchor
