"""stage_05: links into pages that exist, at most one in a section."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import msgspec

from contracts.articles import InternalLink, Section
from contracts.stages import InternalLinksInput, InternalLinksOutput
from stage_workers.article_text import section_text
from stage_workers.outcome import Done, Outcome
from stage_workers.ports import StageContext

LONGEST_ANCHOR = 5
"""Words."""
SHORTEST_ANCHOR_LETTERS = 5
_WORD = re.compile(r"[^\W_]+(?:[-'’][^\W_]+)*")
_NOT_LINKED = frozenset({"legal", "contact", "home"})


class Target(msgspec.Struct, frozen=True):
    """A page that a link may lead to."""

    url: str
    title: str


async def run(inp: InternalLinksInput, ctx: StageContext) -> Outcome[InternalLinksOutput]:
    """Link words of sections to the company's pages and to other articles of the batch that have an address."""
    pages = [Target(page.url, page.title) for page in inp.company.pages if page.kind not in _NOT_LINKED]
    siblings = [
        Target(sibling.url, sibling.headline or sibling.keyword or sibling.slug.replace("-", " "))
        for sibling in inp.request.batch_siblings
        if sibling.url
    ]
    links = choose([*siblings, *pages], inp.draft.sections)
    await ctx.progress(f"{len(links)} internal links")
    return Done(InternalLinksOutput(links=links))


def choose(targets: Sequence[Target], sections: Sequence[Section]) -> tuple[InternalLink, ...]:
    """Return one link for each section where some words of an unused target's title stand; longer words first."""
    links: list[InternalLink] = []
    used: set[str] = set()
    for number, section in enumerate(sections):
        text = section_text(section)
        found = [
            (anchor, target)
            for target in targets
            if target.url not in used and (anchor := anchor_in(text, target.title)) is not None
        ]
        if found:
            anchor, target = max(found, key=lambda pair: (len(pair[0].split()), len(pair[0])))
            used.add(target.url)
            links.append(InternalLink(section=number, anchor_text=anchor, url=target.url, title=target.title))
    return tuple(links)


def anchor_in(text: str, title: str) -> str | None:
    """Return the longest run of the title's words that stands in the text, as it is written there."""
    words = _WORD.findall(title)
    for phrase in _phrases(words):
        if len(phrase) < SHORTEST_ANCHOR_LETTERS:
            continue
        found = re.search(rf"(?<!\w){re.escape(phrase)}(?!\w)", text, re.IGNORECASE)
        if found:
            return found[0]
    return None


def _phrases(words: Sequence[str]) -> Iterable[str]:
    """Yield runs of two and more words, longest first; one word alone says too little to be a link."""
    for length in range(min(LONGEST_ANCHOR, len(words)), 1, -1):
        for start in range(len(words) - length + 1):
            yield " ".join(words[start : start + length])
