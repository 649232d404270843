"""Words of pages that an article must not repeat: competitors, stock phrases, addresses of third sites, other languages."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from stage_workers.blocks import Block
from stage_workers.extractive.topics import Topic, sentences
from stage_workers.gates import phrases
from stage_workers.languages import other_language
from stage_workers.site.competitors import Competitors

Unfit = Callable[[str], bool]
_ADDRESS = re.compile(r"(?i)\b(?:https?://|www\.)\w")


def unfit(language: str, rivals: Competitors) -> Unfit:
    """Return a function that says whether an article in this language may not repeat a text."""
    known = phrases.unwanted(language)

    def is_unfit(text: str) -> bool:
        stock = next(known.stock_phrases(text), None) is not None
        return stock or rivals.mentioned(text) is not None or bool(_ADDRESS.search(text))

    return is_unfit


def fit_topics(topics: Sequence[Topic], language: str, is_unfit: Unfit) -> list[Topic]:
    """Return the topics without lists and tables that may not be repeated; none whose heading or title may not; none
    in another language unless all are."""
    kept = [
        msgspec.structs.replace(topic, blocks=blocks)
        for topic in topics
        if not is_unfit(topic.heading)
        and not is_unfit(topic.source.title)
        and (blocks := tuple(block for block in topic.blocks if _is_fit(block, is_unfit)))
    ]
    foreign = _foreign(kept, language)
    return [topic for topic in kept if topic.place[0] not in foreign] or kept


def _foreign(topics: Iterable[Topic], language: str) -> set[int]:
    """Return the pages, by their number, that are in another language: as wholes, since a short topic says little."""
    pages: dict[int, str] = {}
    for topic in topics:
        pages[topic.place[0]] = f"{pages.get(topic.place[0], '')} {topic.words()}"
    return {number for number, text in pages.items() if other_language(text, language) is not None}


def unfit_sentences(topics: Iterable[Topic], language: str, is_unfit: Unfit) -> Iterator[str]:
    """Yield the sentences that may not be repeated."""
    for topic in topics:
        for block in topic.blocks:
            yield from filter(is_unfit, sentences(block, language))


def _is_fit(block: Block, is_unfit: Unfit) -> bool:
    return block.kind == "paragraph" or not is_unfit(block.words())
