"""An article's words: walks its parts in reading order, and takes sentences out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec

from contracts.articles import Block, BulletList, Draft, Paragraph, QuestionAnswer, Section, Sentence, Table

Keep = Callable[[Sentence], bool]


def block_sentences(block: Block) -> tuple[Sentence, ...]:
    """Return a block's sentences; a table has none."""
    if isinstance(block, Paragraph):
        return block.sentences
    return block.items if isinstance(block, BulletList) else ()


def table_claim(table: Table) -> Sentence:
    """Return what a table claims as one sentence, with the table's sources."""
    cells = " ".join(cell for row in (table.header, *table.rows) for cell in row)
    return Sentence(text=cells, source_ids=table.source_ids)


def section_claims(section: Section) -> Iterator[Sentence]:
    """Yield a section's sentences, and its tables as one each."""
    for block in section.blocks:
        yield from (table_claim(block),) if isinstance(block, Table) else block_sentences(block)


def section_sentences(section: Section) -> Iterator[Sentence]:
    """Yield a section's sentences."""
    for block in section.blocks:
        yield from block_sentences(block)


def section_text(section: Section) -> str:
    """Return a section's running text, without heading and tables."""
    return " ".join(sentence.text for sentence in section_sentences(section))


def answers(items: Iterable[QuestionAnswer]) -> Iterator[Sentence]:
    """Yield the sentences of answers."""
    for item in items:
        yield from item.answer


def draft_sentences(draft: Draft) -> Iterator[Sentence]:
    """Yield a draft's sentences in reading order."""
    yield from draft.direct_answer
    yield from draft.intro
    for section in draft.sections:
        yield from section_sentences(section)
    yield from draft.takeaways
    yield from answers(draft.faq)
    yield from answers(draft.paa)


def draft_claims(draft: Draft) -> Iterator[Sentence]:
    """Yield what a draft claims in reading order: sentences that are no connectives, and tables."""
    bodies = (claim for section in draft.sections for claim in section_claims(section))
    asked = (*answers(draft.faq), *answers(draft.paa))
    for sentence in (*draft.direct_answer, *draft.intro, *bodies, *draft.takeaways, *asked):
        if not sentence.connective:
            yield sentence


def words(sentences: Iterable[Sentence]) -> int:
    """Return how many words the sentences have."""
    return sum(len(sentence.text.split()) for sentence in sentences)


def without(draft: Draft, keep: Keep) -> Draft:
    """Return the draft with only the sentences that ``keep`` says; what becomes empty is left out."""
    return msgspec.structs.replace(
        draft,
        direct_answer=_kept(draft.direct_answer, keep),
        intro=_kept(draft.intro, keep),
        sections=tuple(sections_without(draft.sections, keep).values()),
        takeaways=_kept(draft.takeaways, keep),
        faq=items_without(draft.faq, keep),
        paa=items_without(draft.paa, keep),
    )


def standing_on(draft: Draft, sources: Mapping[str, tuple[str, ...]]) -> Draft:
    """Return the draft with the sources of claims, by their text, replaced."""

    def moved(sentences: Iterable[Sentence]) -> tuple[Sentence, ...]:
        return tuple(
            msgspec.structs.replace(each, source_ids=sources.get(each.text, each.source_ids))
            for each in sentences
        )

    def block(old: Block) -> Block:
        if isinstance(old, Table):
            ids = sources.get(table_claim(old).text, old.source_ids)
            return msgspec.structs.replace(old, source_ids=ids)
        if isinstance(old, Paragraph):
            return msgspec.structs.replace(old, sentences=moved(old.sentences))
        return msgspec.structs.replace(old, items=moved(old.items))

    return msgspec.structs.replace(
        draft,
        direct_answer=moved(draft.direct_answer),
        intro=moved(draft.intro),
        sections=tuple(
            msgspec.structs.replace(section, blocks=tuple(map(block, section.blocks)))
            for section in draft.sections
        ),
        takeaways=moved(draft.takeaways),
        faq=tuple(msgspec.structs.replace(item, answer=moved(item.answer)) for item in draft.faq),
        paa=tuple(msgspec.structs.replace(item, answer=moved(item.answer)) for item in draft.paa),
    )


def sections_without(sections: Iterable[Section], keep: Keep) -> dict[int, Section]:
    """Return what is left of sections, by the place where they stood."""
    left = ((place, _section_without(section, keep)) for place, section in enumerate(sections))
    return {place: section for place, section in left if section.blocks}


def items_without(items: Iterable[QuestionAnswer], keep: Keep) -> tuple[QuestionAnswer, ...]:
    """Return questions with only the sentences that ``keep`` says; a question without a claim left is dropped."""
    kept = (msgspec.structs.replace(item, answer=_kept(item.answer, keep)) for item in items)
    return tuple(item for item in kept if any(not sentence.connective for sentence in item.answer))


def _section_without(section: Section, keep: Keep) -> Section:
    """A line that leads into a block stays or goes with it."""
    kept: list[Block] = []
    followed = False
    for old in reversed(section.blocks):
        block = old if _leads(old) and followed else _block_without(old, keep)
        followed = block is not None
        kept += [block] if block is not None else []
    return msgspec.structs.replace(section, blocks=tuple(reversed(kept)))


def _leads(block: Block) -> bool:
    return isinstance(block, Paragraph) and all(sentence.connective for sentence in block.sentences)


def _block_without(block: Block, keep: Keep) -> Block | None:
    if isinstance(block, Table):
        return block if keep(table_claim(block)) else None
    kept = _kept(block_sentences(block), keep)
    if all(sentence.connective for sentence in kept):
        return None
    if isinstance(block, Paragraph):
        return msgspec.structs.replace(block, sentences=kept)
    return msgspec.structs.replace(block, items=kept)


def _kept(sentences: Iterable[Sentence], keep: Keep) -> tuple[Sentence, ...]:
    return tuple(sentence for sentence in sentences if sentence.connective or keep(sentence))
