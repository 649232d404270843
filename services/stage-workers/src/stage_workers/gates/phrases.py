"""Phrases that no article should hold, and words that no sentence ends with: one data file a language."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib import resources

import msgspec

_FOLDER = "phrase_files"
_APOSTROPHES = str.maketrans("’‘", "''")


class Unwanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one language's file says, in lower case."""

    stock: tuple[str, ...]
    open_ends: tuple[str, ...]

    def stock_phrases(self, text: str) -> Iterator[str]:
        """Yield the stock phrases that stand in the text, each as whole words."""
        folded = text.casefold().translate(_APOSTROPHES)
        for phrase in self.stock:
            wanted = phrase.casefold()
            if wanted in folded and re.search(rf"(?<!\w){re.escape(wanted)}(?!\w)", folded):
                yield phrase

    def ends_open(self, text: str) -> bool:
        """Whether the last word asks for another one."""
        folded = text.casefold().translate(_APOSTROPHES)
        return any(folded.endswith(f" {end}") for end in self.open_ends)


@cache
def unwanted(language: str) -> Unwanted:
    """Return what a BCP 47 language does not want; nothing where no file says so."""
    name = language.split("-", maxsplit=1)[0].lower()
    return files().get(name, Unwanted(stock=(), open_ends=()))


@cache
def files() -> dict[str, Unwanted]:
    """Return what every file says, by language. Raises msgspec.ValidationError."""
    folder = resources.files(__package__) / _FOLDER
    return {
        entry.name.removesuffix(".toml"): msgspec.toml.decode(entry.read_text("utf-8"), type=Unwanted)
        for entry in folder.iterdir()
        if entry.name.endswith(".toml")
    }
