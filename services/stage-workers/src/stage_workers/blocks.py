"""Reads the Markdown of pages and quotes into blocks under headings."""

import re
from typing import Literal

import msgspec

from stage_workers.wording import plain

_HEADING = re.compile(r"#{1,6}\s+(.*)$")
_ITEM = re.compile(r"\s*(?:[-*+•]|(\d{1,3})[.)])\s+(\S.*)$")
_RULE_CELL = re.compile(r"^:?-+:?$")


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """A paragraph, a list or a table of a page."""

    kind: Literal["paragraph", "list", "table"]
    heading: str = ""
    """The nearest heading above it."""
    text: str = ""
    """A paragraph's plain text; of a list the line that leads into it, if one does."""
    items: tuple[str, ...] = ()
    ordered: bool = False
    rows: tuple[tuple[str, ...], ...] = ()
    """A table's rows, the header first."""

    def markdown(self) -> str:
        """Return the block as Markdown lines, from which :func:`read` makes the same block."""
        if self.kind == "table":
            lines = ["| " + " | ".join(row) + " |" for row in self.rows]
            return "\n".join([lines[0], "|" + "---|" * len(self.rows[0]), *lines[1:]])
        if self.kind == "list":
            marks = (f"{number}." if self.ordered else "-" for number in range(1, len(self.items) + 1))
            lines = [f"{mark} {item}" for mark, item in zip(marks, self.items, strict=True)]
            return "\n".join([self.text, *lines] if self.text else lines)
        return self.text

    def words(self) -> str:
        """Return all words of the block, for ranking."""
        return " ".join([self.text, *self.items, *(cell for row in self.rows for cell in row)])


def read(markdown: str, heading: str = "") -> tuple[Block, ...]:
    """Return the blocks of a page in order; ``heading`` stands above the first one."""
    blocks: list[Block] = []
    for chunk in _chunks(markdown):
        found = _HEADING.match(chunk[0])
        if found:
            heading = plain(found[1].rstrip(" \t#"))
        else:
            block = _block(chunk, heading)
            if block:
                blocks.append(block)
    return tuple(_with_leads(blocks))


def _chunks(markdown: str) -> list[list[str]]:
    chunks: list[list[str]] = [[]]
    fenced = False
    for line in markdown.splitlines():
        if line.lstrip().startswith("```"):
            fenced = not fenced
            continue
        text = line.lstrip("> ") if line.startswith(">") else line
        if fenced:
            continue
        if _breaks(chunks[-1], text):
            chunks.append([])
        if text.strip():
            chunks[-1].append(text)
        if _HEADING.match(text):
            chunks.append([])
    return [chunk for chunk in chunks if chunk]


def _breaks(chunk: list[str], line: str) -> bool:
    """Say whether a new chunk begins: at an empty line, a heading, where text turns to a list or table or back."""
    if not chunk or not line.strip():
        return bool(chunk)
    if _HEADING.match(line):
        return True
    last, this = _shape(chunk[0]), _shape(line)
    return this != last and not (last == "list" and line.startswith(" "))


def _shape(line: str) -> str:
    if line.lstrip().startswith("|"):
        return "table"
    return "list" if _ITEM.match(line) else "paragraph"


def _block(lines: list[str], heading: str) -> Block | None:
    shape = _shape(lines[0])
    if shape == "table":
        rows = tuple(_cells(line) for line in lines)
        rows = tuple(row for row in rows if not all(_RULE_CELL.match(cell) for cell in row))
        even = len(rows) > 1 and len({len(row) for row in rows}) == 1 and any(rows[0])
        return Block(kind="table", heading=heading, rows=rows) if even else None
    if shape == "list":
        items = tuple(item for item in map(plain, _items(lines)) if item)
        ordered = bool((_ITEM.match(lines[0]) or [None, None])[1])
        return Block(kind="list", heading=heading, items=items, ordered=ordered) if items else None
    text = plain(" ".join(lines))
    return Block(kind="paragraph", heading=heading, text=text) if text else None


def _cells(line: str) -> tuple[str, ...]:
    return tuple(plain(cell) for cell in re.split(r"(?<!\\)\|", line.strip().strip("|").rstrip("| ")))


def _items(lines: list[str]) -> list[str]:
    items: list[str] = []
    for line in lines:
        found = _ITEM.match(line)
        if found:
            items.append(found[2])
        elif items:
            items[-1] += " " + line.strip()
    return items


def _with_leads(blocks: list[Block]) -> list[Block]:
    """Join a paragraph that ends in a colon with the list that follows it, and lists that were only spaced."""
    joined: list[Block] = []
    for block in blocks:
        last = joined[-1] if joined else None
        if last is None or block.kind != "list" or last.heading != block.heading:
            joined.append(block)
        elif last.kind == "paragraph" and last.text.endswith(":"):
            joined[-1] = msgspec.structs.replace(block, text=last.text)
        elif last.kind == "list" and last.ordered == block.ordered:
            joined[-1] = msgspec.structs.replace(last, items=last.items + block.items)
        else:
            joined.append(block)
    return joined
