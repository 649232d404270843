"""How far apart sentences hold the keyword: a word that a whole site is about would else stand in every line."""

from collections.abc import Iterable, Iterator

from stage_workers.blocks import Block
from stage_workers.extractive.topics import Topic, sentences
from stage_workers.keywords import occurrences
from stage_workers.wording import word_count

SPACINGS = (8, 12, 16, 24, 36)
"""Words that a sentence must have for each keyword in it, tried one after the other."""


def crowded(topics: Iterable[Topic], keyword: str, language: str, spacing: int) -> Iterator[str]:
    """Yield the sentences and list items that name the keyword in fewer words than ``spacing`` for each time."""
    for topic in topics:
        for block in topic.blocks:
            for text in _texts(block, language):
                if word_count(text) < spacing * occurrences(text, keyword):
                    yield text


def _texts(block: Block, language: str) -> Iterable[str]:
    return block.items if block.kind == "list" else sentences(block, language)
