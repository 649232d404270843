"""What a company is, from the words of its own pages."""

from collections import Counter
from collections.abc import Sequence

from stage_workers.blocks import read
from stage_workers.extractive.phrases import phrases
from stage_workers.extractive.sentences import is_boilerplate, is_whole, split
from stage_workers.site.addresses import kind_of
from stage_workers.stop_words import stop_words
from stage_workers.tasks import CompanyFacts, PageText, ProfileCompany
from stage_workers.wording import word_count

_SEPARATORS = (" | ", " – ", " — ", " - ", " · ", ": ")
_LONGEST_NAME = 60
_DESCRIPTION_WORDS = 60
_OFFERS = 12
_LONGEST_OFFER = 8


def profile(task: ProfileCompany) -> CompanyFacts:
    """Return what the pages say. An industry is never guessed: it stays empty."""
    text = " ".join(page.text for page in task.pages)
    return CompanyFacts(
        name=task.request.company_name or name_of([page.title for page in task.pages]),
        language=language_of(text) or task.request.language,
        industry="",
        description=_description(task),
        offers=tuple(_offers(task.pages)),
    )


def name_of(titles: Sequence[str]) -> str:
    """Return the part that most page titles share, or else the first part of the first title."""
    parts = [list(dict.fromkeys(_parts(title))) for title in titles]
    counts = Counter(part for each in parts for part in each if len(part) <= _LONGEST_NAME)
    if not counts:
        return ""
    best, seen = max(counts.items(), key=lambda entry: entry[1])
    return best if seen > 1 else next(iter(counts))


def language_of(text: str) -> str | None:
    """Return the language whose stop words are the most frequent; None when the text shows none clearly."""
    words = text.casefold().split()
    shares = {
        code: sum(word in stop_words(code) for word in words) for code in ("en", "de", "fr", "es", "it", "nl")
    }
    best = max(shares, key=lambda code: shares[code])
    return best if words and shares[best] > len(words) / 6 else None


def _parts(title: str) -> list[str]:
    for separator in _SEPARATORS:
        title = title.replace(separator, "\n")
    return [part.strip() for part in title.split("\n") if part.strip()]


def _description(task: ProfileCompany) -> str:
    language = task.request.language
    known = phrases(language)
    for page in task.pages:
        for block in read(page.text):
            kept: list[str] = []
            for sentence in split(block.text, language):
                fits = sum(map(word_count, kept)) + word_count(sentence) <= _DESCRIPTION_WORDS
                if fits and is_whole(sentence) and not is_boilerplate(sentence, known):
                    kept.append(sentence)
            if kept:
                return " ".join(kept)
    return ""


def _offers(pages: Sequence[PageText]) -> list[str]:
    """Return first cells of tables and short list items of the pages of products and services."""
    found: list[str] = []
    for page in pages:
        if kind_of(page.url, pages[0].url) != "product":
            continue
        for block in read(page.text):
            names = [row[0] for row in block.rows[1:]] if block.kind == "table" else list(block.items)
            found += [name for name in names if 0 < word_count(name) <= _LONGEST_OFFER]
    return list(dict.fromkeys(found))[:_OFFERS]
