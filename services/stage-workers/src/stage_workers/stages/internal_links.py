"""stage_05: links into pages that exist, at most one in a section."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

import msgspec

from contracts.articles import InternalLink, Section
from contracts.stages import InternalLinksInput, InternalLinksOutput
from stage_workers.article_text import section_sentences
from stage_workers.outcome import Done, Outcome
from stage_workers.ports import StageContext
from stage_workers.reading import read_pages
from stage_workers.site.addresses import is_listing
from stage_workers.stop_words import stop_words

LONGEST_ANCHOR = 5
"""Words."""
SHORTEST_ANCHOR_LETTERS = 5
_WORD = re.compile(r"[^\W_]+(?:[-'’][^\W_]+)*")
_DIVIDER = " | "
_PARTS = re.compile(r"[:,;.?!](?=\s)|\s[|–—-]\s")
_DEAD = frozenset({"dns", "http_404", "http_410", "invalid_url", "soft_404"})
_NOT_LINKED = frozenset({"legal", "contact", "home"})


class Target(msgspec.Struct, frozen=True):
    """A page that a link may lead to."""

    url: str
    title: str
    words: str
    """What of the title may carry a link: the company's name says nothing of one page."""


async def run(inp: InternalLinksInput, ctx: StageContext) -> Outcome[InternalLinksOutput]:
    """Link words of sections to the company's pages and to other articles of the batch that have an address."""
    name = inp.company.name
    pages = [
        Target(page.url, page.title, page.title.replace(name, _DIVIDER) if name else page.title)
        for page in inp.company.pages
        if page.kind not in _NOT_LINKED and not is_listing(page.url)
    ]
    siblings = [
        Target(sibling.url, title, title)
        for sibling in inp.request.batch_siblings
        if sibling.url and (title := sibling.headline or sibling.keyword or sibling.slug.replace("-", " "))
    ]
    links = choose([*siblings, *pages], inp.draft.sections, stop_words(inp.request.language))
    links = await _existing(links, {page.url for page in pages}, ctx)
    await ctx.progress(f"{len(links)} internal links")
    return Done(InternalLinksOutput(links=links))


async def _existing(
    links: Sequence[InternalLink], pages: Collection[str], ctx: StageContext
) -> tuple[InternalLink, ...]:
    """Leave out links to pages that are not there, whatever the site's lists say. Siblings may come later."""
    reading = await read_pages([link.url for link in links if link.url in pages], ctx)
    dead = {url for url, failure in reading.failures.items() if failure.code in _DEAD}
    return tuple(link for link in links if link.url not in dead)


def choose(
    targets: Sequence[Target], sections: Sequence[Section], stop: Collection[str] = ()
) -> tuple[InternalLink, ...]:
    """Return one link for each section where some words of an unused target's title stand; longer words first.

    Words that carry a link already lead nowhere else. ``stop`` words neither begin nor end what carries a link."""
    links: list[InternalLink] = []
    used: set[str] = set()
    for number, section in enumerate(sections):
        text = "\n".join(sentence.text for sentence in section_sentences(section))
        found = [
            (anchor, target)
            for target in targets
            if target.url not in used and (anchor := anchor_in(text, target.words, stop)) is not None
        ]
        found = [(anchor, target) for anchor, target in found if anchor.casefold() not in used]
        if found:
            anchor, target = max(found, key=lambda pair: (len(pair[0].split()), len(pair[0])))
            used |= {target.url, anchor.casefold()}
            links.append(InternalLink(section=number, anchor_text=anchor, url=target.url, title=target.title))
    return tuple(links)


def anchor_in(text: str, title: str, stop: Collection[str] = ()) -> str | None:
    """Return the longest run of words of one part of the title that stands in the text, as it is written there."""
    runs = [run for part in _PARTS.split(title) for run in _phrases(_WORD.findall(part))]
    for run in sorted(runs, key=len, reverse=True):
        phrase, ends = " ".join(run), {run[0].casefold(), run[-1].casefold()}
        if len(phrase) < SHORTEST_ANCHOR_LETTERS or not ends.isdisjoint(stop):
            continue
        found = re.search(rf"(?<!\w){re.escape(phrase)}(?!\w)", text, re.IGNORECASE)
        if found:
            return found[0]
    return None


def _phrases(words: Sequence[str]) -> Iterable[Sequence[str]]:
    """Yield runs of two and more words, longest first; one word alone says too little to be a link."""
    for length in range(min(LONGEST_ANCHOR, len(words)), 1, -1):
        for start in range(len(words) - length + 1):
            yield words[start : start + length]
