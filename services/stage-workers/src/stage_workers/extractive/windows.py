"""Runs of consecutive sentences that make sense when taken out of their page."""

from collections.abc import Iterable, Iterator

import msgspec

from stage_workers.extractive.ledger import Ledger
from stage_workers.extractive.phrases import Phrases
from stage_workers.extractive.ranking import is_new
from stage_workers.extractive.sentences import stands_alone
from stage_workers.extractive.tokens import mentions
from stage_workers.extractive.topics import Topic, sentences
from stage_workers.wording import word_count

_MENTION, _OPENS_WITH_KEYWORD, _OPENING = 0.6, 1.0, 0.5


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """Consecutive sentences of one paragraph; the first can stand alone."""

    topic: Topic
    texts: tuple[str, ...]
    words: int
    on_keyword: bool
    score: float


def windows(
    topics: Iterable[Topic], keyword: str, language: str, known: Phrases, ledger: Ledger, longest: int
) -> list[Window]:
    """Return all windows of at most ``longest`` words, best first."""
    found = [
        _window(topic, texts, keyword, is_opening=topic.place[1] == 0 and number == 0)
        for topic in topics
        for number, block in enumerate(topic.blocks)
        for texts in _runs(sentences(block, language), known, ledger, longest)
    ]
    return sorted(found, key=lambda window: (-window.score, window.topic.place, -window.words))


def _runs(texts: tuple[str, ...], known: Phrases, ledger: Ledger, longest: int) -> Iterator[tuple[str, ...]]:
    usable = [ledger.is_fresh(text) and not text.endswith(":") for text in texts]
    for start, first in enumerate(texts):
        if not stands_alone(first, known):
            continue
        words = 0
        for end in range(start, len(texts)):
            words += word_count(texts[end])
            if words > longest or not usable[end] or not is_new(texts[end], texts[start:end]):
                break
            yield texts[start : end + 1]


def _window(topic: Topic, texts: tuple[str, ...], keyword: str, *, is_opening: bool) -> Window:
    on_keyword = any(mentions(text, keyword) for text in texts)
    begins = mentions(" ".join(texts[0].split()[: len(keyword.split()) + 1]), keyword)
    score = topic.score + _MENTION * on_keyword + _OPENS_WITH_KEYWORD * begins + _OPENING * is_opening
    words = sum(map(word_count, texts))
    return Window(topic=topic, texts=texts, words=words, on_keyword=on_keyword, score=round(score, 6))
