"""Makes sources of pages and their quotes: only words that stand on the page, that lead nowhere else, and no words
twice."""

from collections.abc import Sequence
from typing import Literal

from rapidfuzz import fuzz, process

from contracts.articles import Quote, Source
from stage_workers.blocks import read
from stage_workers.links_in_text import holds_markup, host, leads_elsewhere
from stage_workers.ports import Page
from stage_workers.site.addresses import is_same_site
from stage_workers.wording import bare

_SAME = 92.0

Kind = Literal["company", "given", "web"]


def sources(
    selected: Sequence[tuple[Page, tuple[str, ...]]], given: frozenset[str], company_url: str
) -> tuple[Source, ...]:
    """Return the sources ``s1``, ``s2``, … in order; a page without quotes gives none."""
    known: list[str] = []
    found: list[Source] = []
    for page, quotes in selected:
        hosts = frozenset((host(page.url), host(company_url)))
        fit = [
            quote for quote in quotes if not holds_markup(bare(quote)) and not leads_elsewhere(quote, hosts)
        ]
        kept = _kept(page, fit, known)
        if kept:
            found.append(_source(f"s{len(found) + 1}", page, kept, given, company_url))
    return tuple(found)


def _kept(page: Page, quotes: Sequence[str], known: list[str]) -> tuple[Quote, ...]:
    text = bare(page.text)
    places = [(bare(block.markdown()), block.heading) for block in read(page.text)]
    kept = []
    for quote in quotes:
        words = bare(quote)
        if not words or words not in text:
            continue
        if process.extractOne(words, known, scorer=fuzz.ratio, score_cutoff=_SAME) is None:
            known.append(words)
            heading = next((heading for block, heading in places if words in block), "")
            kept.append(Quote(text=quote, heading=heading))
    return tuple(kept)


def _source(
    source_id: str, page: Page, quotes: tuple[Quote, ...], given: frozenset[str], company_url: str
) -> Source:
    own: Kind = "company" if is_same_site(page.url, company_url) else "web"
    return Source(
        source_id=source_id,
        url=page.url,
        title=page.title or page.url,
        kind="given" if page.url in given else own,
        quotes=quotes,
        published=page.published,
        author=page.author,
        fetched_at=page.fetched_at,
    )
