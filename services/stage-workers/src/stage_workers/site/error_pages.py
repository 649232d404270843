"""Pages that say with status 200 that there is no page: an error's words, and little else."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources

import msgspec

from stage_workers.keywords import words

MOST_WORDS = 120
"""Of a page that can be an error page: an article on missing pages has more to say."""
_LONGEST_TITLE = 8
"""Words of a line that can be an error's heading."""


class Marks(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What error pages say, in lower case: as their title or heading, or anywhere."""

    titles: tuple[str, ...]
    texts: tuple[str, ...]


def is_error_page(title: str, text: str) -> bool:
    """Whether a short page has an error's title or first heading, or says that what was asked for is not there."""
    if len(words(text)) > MOST_WORDS:
        return False
    lines = (title, text.strip().partition("\n")[0])
    beginnings = [_plain(line) for line in lines if len(words(line)) <= _LONGEST_TITLE]
    folded = _plain(text)
    marks = _marks()
    return any(_holds(beginning, mark) for beginning in beginnings for mark in marks.titles) or any(
        _holds(folded, mark) for mark in marks.texts
    )


def _plain(text: str) -> str:
    return " ".join(text.casefold().replace("’", "'").split())


def _holds(text: str, mark: str) -> bool:
    return mark in text and re.search(rf"(?<!\w){re.escape(mark)}(?!\w)", text) is not None


@cache
def _marks() -> Marks:
    text = (resources.files(__package__) / "error_pages.toml").read_text(encoding="utf-8")
    return msgspec.toml.decode(text, type=Marks)
