"""Markdown, made from the article's HTML, so that both always say the same."""

from __future__ import annotations

import re

from markdownify import markdownify

_BLANK = re.compile(r"\n{3,}")
_LOCAL = re.compile(r"\[(\\?\[\d+\\?\])\]\(#source-\d+\)")


def markdown(html: str) -> str:
    """Return the HTML fragment as Markdown; citations stay as plain ``[n]``."""
    text = markdownify(html, heading_style="ATX", bullets="-", strip=["nav"])
    return _BLANK.sub("\n\n", _LOCAL.sub(r"\1", text)).strip() + "\n"
