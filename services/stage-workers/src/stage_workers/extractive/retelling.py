"""Leaves out paragraphs that tell in other sentences what another section tells already."""

from collections.abc import Sequence

import msgspec

from contracts.articles import Block, Paragraph, Section
from stage_workers.article_text import section_text
from stage_workers.extractive.phrases import phrases
from stage_workers.extractive.sentences import stands_alone
from stage_workers.extractive.tokens import tokens

_SAME = 0.45
"""Share of a paragraph's words in one other section from which that section has told it."""
_FEWEST_WORDS = 20
"""Different words of a paragraph that this can be said of."""


def without_retelling(sections: Sequence[Section], language: str) -> list[Section]:
    """Return the sections without retold paragraphs; a section's only block stays."""
    kept = list(sections)
    for at in range(len(kept)):
        others = [_words(other, language) for other in (*kept[:at], *kept[at + 1 :])]
        kept[at] = _without(kept[at], others, language)
    return kept


def _without(section: Section, others: Sequence[frozenset[str]], language: str) -> Section:
    blocks: list[Block] = []
    for block, following in zip(section.blocks, (*section.blocks[1:], None), strict=True):
        if not _is_retold(block, others, language) or _is_needed(block, following, language):
            blocks.append(block)
    return msgspec.structs.replace(section, blocks=tuple(blocks)) if blocks else section


def _is_retold(block: Block, others: Sequence[frozenset[str]], language: str) -> bool:
    if not isinstance(block, Paragraph):
        return False
    words = frozenset(tokens(" ".join(sentence.text for sentence in block.sentences), language))
    return len(words) >= _FEWEST_WORDS and any(len(words & told) >= _SAME * len(words) for told in others)


def _is_needed(block: Block, following: Block | None, language: str) -> bool:
    """Say whether what follows leans on the block: a list on the line that leads into it, a pronoun on its noun."""
    if following is None or not isinstance(block, Paragraph):
        return False
    if not isinstance(following, Paragraph):
        return block.sentences[-1].text.endswith(":")
    return not stands_alone(following.sentences[0].text, phrases(language))


def _words(section: Section, language: str) -> frozenset[str]:
    return frozenset(tokens(section_text(section), language))
