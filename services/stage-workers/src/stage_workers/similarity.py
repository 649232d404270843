"""How like two articles are: by the names they go by, and by the runs of three words that both hold.

The texts of earlier articles do not travel: a fingerprint of 512 characters does (MinHash with one permutation, Li, Owen
and Zhang 2012). It takes one hash for each run of words; a library (datasketch) would bring scipy, which is larger
than the whole worker, and TF-IDF would need all the texts.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence

import msgspec
from rapidfuzz import fuzz, utils

from contracts.articles import Article, ArticleReference
from contracts.jobs import BatchSibling
from stage_workers.article_text import answers, draft_claims
from stage_workers.keywords import words

DUPLICATE = 80.0
"""Likeness in percent from which an article may be a duplicate."""
_RUN = 3
_BINS, _DIGITS = 128, 4
_EMPTY = "0" * _DIGITS
_LARGEST = 16**_DIGITS - 1


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """An article to compare with."""

    name: str
    title: str
    fingerprint: str = ""


class Likeness(msgspec.Struct, frozen=True, kw_only=True):
    """0 to 100, and the article that it is measured to."""

    percent: float = 0.0
    name: str | None = None


def known(
    slugs: Iterable[str], siblings: Iterable[BatchSibling], earlier: Iterable[ArticleReference]
) -> Iterator[Known]:
    """Yield what a job knows of other articles."""
    for slug in slugs:
        yield Known(name=slug, title=_spaced(slug))
    for sibling in siblings:
        yield Known(name=sibling.slug, title=sibling.headline or sibling.keyword or _spaced(sibling.slug))
    for article in earlier:
        title = f"{article.primary_keyword} {article.headline}"
        yield Known(name=article.slug, title=title, fingerprint=article.fingerprint)


def most_similar(article: Article, keyword: str, others: Iterable[Known]) -> Likeness:
    """Return the likeness to the most similar of the others; by title or by text, whichever is more."""
    own, best = fingerprint(article), Likeness()
    titles = (
        keyword,
        article.draft.headline,
        f"{keyword} {article.draft.headline}",
        _spaced(article.slug),
    )
    for other in others:
        percent = max(by_title(titles, other.title), by_text(own, other.fingerprint))
        if percent > best.percent:
            best = Likeness(percent=percent, name=other.name)
    return best


def by_title(titles: Sequence[str], title: str) -> float:
    """Return the likeness of the most similar title. Words count, their order does not; case and punctuation are left
    aside. An article has several, so that a slug of two words can be the same as a long headline's keyword."""
    return max(fuzz.token_sort_ratio(text, title, processor=utils.default_process) for text in titles)


def by_text(one: str, other: str) -> float:
    """Return how many percent of the runs of words two fingerprints share; 0 when one is no fingerprint."""
    if len(one) != _BINS * _DIGITS or len(other) != len(one):
        return 0.0
    pairs = [pair for pair in zip(_bins(one), _bins(other), strict=True) if pair != (_EMPTY, _EMPTY)]
    common = sum(mine == theirs for mine, theirs in pairs) / len(pairs) if pairs else 0.0
    return 100 * 2 * common / (1 + common)


def fingerprint(article: Article) -> str:
    """Return the fingerprint of what the article claims; phrases that claim nothing are in every one."""
    asked = (*answers(article.faq), *answers(article.paa))
    claims = (*draft_claims(article.draft), *(each for each in asked if not each.connective))
    return of_text("\n".join(claim.text for claim in claims))


def of_text(text: str) -> str:
    """Return for each bin the smallest hash of the runs that fall into it, in hex."""
    found = words(text)
    smallest: dict[int, int] = {}
    for at in range(len(found) - _RUN + 1):
        number = zlib.crc32(" ".join(found[at : at + _RUN]).encode())
        place, rest = number % _BINS, number // _BINS
        smallest[place] = min(rest, smallest.get(place, rest))
    filled = {place: 1 + rest % _LARGEST for place, rest in smallest.items()}
    return "".join(f"{filled.get(place, 0):0{_DIGITS}x}" for place in range(_BINS))


def _bins(text: str) -> Iterator[str]:
    return (text[at : at + _DIGITS] for at in range(0, len(text), _DIGITS))


def _spaced(slug: str) -> str:
    return slug.replace("-", " ")
