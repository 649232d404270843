"""Chooses the passages of a page that an article can stand on."""

from collections.abc import Iterator

import msgspec

from stage_workers.blocks import Block, read
from stage_workers.extractive.phrases import Phrases, phrases
from stage_workers.extractive.ranking import is_new, scores
from stage_workers.extractive.sentences import is_boilerplate, is_whole, split, stands_alone
from stage_workers.tasks import SelectedQuotes, SelectQuotes
from stage_workers.wording import word_count

_LONGEST_PASSAGE = 150
_MOST_CHARACTERS = 6000
_LONGEST_ITEM = 60
_MOST_ITEMS = 12
_FEWEST_WORDS = 6


def select(task: SelectQuotes) -> SelectedQuotes:
    """Return at most ``task.limit`` passages (paragraphs, lists, tables) in the order of the page."""
    language = task.brief.language
    known = phrases(language)
    parts = (part for block in read(task.page.text) for part in _passages(block, language))
    usable = [kept for part in parts if (kept := usable_part(part, language, known))]
    texts = [f"{block.heading} {block.words()}" for block in usable]
    ranked = scores(texts, task.request.primary_keyword, language)
    best = sorted(range(len(usable)), key=lambda at: (-ranked[at], at))
    chosen: list[int] = []
    for at in best:
        if len(chosen) < task.limit and is_new(texts[at], (texts[other] for other in chosen)):
            chosen.append(at)
    return SelectedQuotes(quotes=tuple(usable[at].markdown() for at in sorted(chosen)))


def _passages(block: Block, language: str) -> Iterator[Block]:
    """Divide a long paragraph into passages of whole sentences."""
    if block.kind != "paragraph" or word_count(block.text) <= _LONGEST_PASSAGE:
        yield block
        return
    passage: list[str] = []
    for sentence in split(block.text, language):
        if passage and sum(map(word_count, passage)) + word_count(sentence) > _LONGEST_PASSAGE:
            yield msgspec.structs.replace(block, text=" ".join(passage))
            passage = []
        passage.append(sentence)
    yield msgspec.structs.replace(block, text=" ".join(passage))


def usable_part(block: Block, language: str, known: Phrases) -> Block | None:
    """Return what an article may use of a block: whole sentences, real lists and tables, nothing about the page."""
    if is_boilerplate(block.heading, known):
        return None
    if block.kind == "paragraph":
        return _paragraph(block, language, known)
    if len(block.words()) > _MOST_CHARACTERS:
        return None
    if is_boilerplate(block.words(), known) or word_count(block.words()) < _FEWEST_WORDS:
        return None
    if block.kind == "list":
        sized = 1 < len(block.items) <= _MOST_ITEMS
        return block if sized and all(word_count(item) <= _LONGEST_ITEM for item in block.items) else None
    return block


def _paragraph(block: Block, language: str, known: Phrases) -> Block | None:
    """Keep the longest run of usable sentences, so that the quote stands on the page as one piece.

    A run after something left out does not begin with a sentence that leans on it."""
    runs: list[list[str]] = [[]]
    for sentence in split(block.text, language):
        if not is_whole(sentence) or is_boilerplate(sentence, known):
            runs.append([])
        elif runs[-1] or len(runs) == 1 or stands_alone(sentence, known):
            runs[-1].append(sentence)
    text = " ".join(max(runs, key=lambda run: sum(map(word_count, run))))
    enough = word_count(text) >= _FEWEST_WORDS
    return msgspec.structs.replace(block, text=text) if enough else None
