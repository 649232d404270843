"""A revised passage as a unified diff: one line for each sentence, heading, question and row of a table."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import unified_diff

from contracts.articles import Block, BulletList, Draft, Section, Table

_CONTEXT = 1


def diff(name: str, before: Draft, after: Draft) -> str:
    """Return how a passage changed; empty when not one word of it did."""
    lines = unified_diff(
        list(_lines(before)),
        list(_lines(after)),
        f"{name} (before)",
        f"{name} (after)",
        lineterm="",
        n=_CONTEXT,
    )
    return "\n".join(lines)


def _lines(passage: Draft) -> Iterator[str]:
    if passage.headline:
        yield f"# {passage.headline}"
    if passage.teaser:
        yield passage.teaser
    yield from (sentence.text for sentence in (*passage.direct_answer, *passage.intro))
    for section in passage.sections:
        yield from _section(section)
    yield from (f"- {sentence.text}" for sentence in passage.takeaways)
    for item in (*passage.faq, *passage.paa):
        yield f"### {item.question}"
        yield from (sentence.text for sentence in item.answer)


def _section(section: Section) -> Iterator[str]:
    yield f"## {section.heading}"
    for block in section.blocks:
        yield ""
        yield from _block(block)


def _block(block: Block) -> Iterator[str]:
    match block:
        case Table(caption=caption, header=header, rows=rows):
            yield caption
            yield from (f"| {' | '.join(row)} |" for row in (header, *rows))
        case BulletList(items=items, ordered=ordered):
            yield from (f"{'1.' if ordered else '-'} {item.text}" for item in items)
        case _:
            yield from (sentence.text for sentence in block.sentences)
