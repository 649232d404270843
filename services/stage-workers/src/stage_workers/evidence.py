"""Which sources an article may stand on, and whether a source says what a claim says."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from rapidfuzz import fuzz

from contracts.articles import Sentence, Source
from contracts.stages import CompanyOutput
from stage_workers.site.addresses import is_same_site
from stage_workers.site.competitors import Competitors, of_company
from stage_workers.wording import bare

ENOUGH_OUTSIDE = 3
"""Sources from elsewhere, from which on the company's own pages are no evidence. Fewer cannot carry an article."""
SAME_SUBJECT = 60.0
"""Likeness in percent from which a quote can speak for a sentence that is not verbatim."""
_TOKEN = re.compile(r"\w+|[%‰€$£¥°<>≤≥±×+=]")  # noqa: RUF001  the sign of multiplication
_JOINTS = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")


def evidence(sources: Iterable[Source], company: CompanyOutput) -> tuple[Source, ...]:
    """Return the sources that may be cited, in their order.

    Competitors never are, nor private addresses when the company's own site is public. The company's own pages are
    only while there are fewer than three sources from elsewhere; they may be linked to all the same."""
    rivals = of_company(company)
    fit = [source for source in sources if barred(source.url, company, rivals) is None]
    outside = tuple(source for source in fit if not is_same_site(source.url, company.url))
    return outside if len(outside) >= ENOUGH_OUTSIDE else tuple(fit)


def barred(url: str, company: CompanyOutput, rivals: Competitors) -> str | None:
    """Return why an address may not be cited whatever else there is; None when it may."""
    if rivals.own(url):
        return "the source is a competitor's page"
    if is_private(url) and not is_private(company.url):
        return "the source has a private address"
    return None


def is_private(url: str) -> bool:
    """Whether an address names a host that the public cannot reach: by its number, or as a local name."""
    host = _host(url)
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return host == "localhost" or host.endswith((".localhost", ".local", ".internal"))


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def supported(claim: Sentence, source: Source, text: str) -> bool:
    """Whether a claim stands on a page of these words (:func:`normal`): its own words do, or those of a quote on
    its subject."""
    if stands(claim.text, text):
        return True
    near = (
        quote.text for quote in source.quotes if fuzz.token_set_ratio(claim.text, quote.text) >= SAME_SUBJECT
    )
    return any(stands(quote, text) for quote in near)


def quoted(source: Source, text: str) -> bool:
    """Whether one of the source's quotes stands on a page of these words."""
    return any(stands(quote.text, text) for quote in source.quotes)


def stands(words: str, text: str) -> bool:
    """Whether the words stand in a page's words in this order, each of them."""
    wanted = normal(words)
    return bool(wanted.strip()) and wanted in text


def normal(markdown: str) -> str:
    """Return the words alone, each between spaces: white space, case, punctuation and the forms of letters, quotation
    marks, dashes and hyphens do not count. Numbers and the signs of amounts do."""
    text = unicodedata.normalize("NFKC", _JOINTS.sub("", bare(markdown))).casefold()
    return f" {' '.join(_TOKEN.findall(text))} "


def without_evidence(sources: Sequence[Source], company: CompanyOutput) -> dict[str, str]:
    """Return the ids of sources that may not be cited, each with the reason."""
    fit = {source.source_id for source in evidence(sources, company)}
    rivals = of_company(company)
    own = f"the company's own pages are no evidence beside {ENOUGH_OUTSIDE} and more other sources"
    return {
        source.source_id: barred(source.url, company, rivals) or own
        for source in sources
        if source.source_id not in fit
    }
