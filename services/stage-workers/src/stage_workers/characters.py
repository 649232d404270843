"""What in a page's texts is not for people: characters that nobody sees, encoded messages, markup in names."""

import re

_UNSEEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff"
    "\uffa0\ufff0-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
"""Joiners, fillers, marks of direction, variation selectors and tags (Unicode's Default_Ignorable_Code_Point)."""
LONGEST_WORD = 80
"""Characters. What is longer is an encoded message or an address, and nothing that an article can say."""
_LONG_WORD = re.compile(rf"\S{{{LONGEST_WORD + 1},}}")


def seen(text: str) -> str:
    """Return ``text`` without characters that are not shown."""
    return _UNSEEN.sub("", text)


def readable(text: str) -> str:
    """Return ``text`` as a person reads it: what is not shown and what is no word is left out."""
    return _LONG_WORD.sub(" ", seen(text))


_NO_NAME = re.compile(r"</?[a-z!]|\{\{|\]\(|://|\bwww\.", re.IGNORECASE)
LONGEST_PERSON = 100
"""Characters of a person's name, with all titles."""


def name(text: str) -> str:
    """Return a title or a name; empty when it holds markup or an address, which no title does."""
    return "" if _NO_NAME.search(text) else text


def person(text: str) -> str | None:
    """Return a person's name, None when it is none."""
    return name(text) or None if len(text) <= LONGEST_PERSON else None
