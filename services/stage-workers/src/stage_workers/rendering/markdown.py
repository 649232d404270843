"""Markdown, made from the article's HTML, so that both always say the same."""

from __future__ import annotations

import re
from typing import Any

from markdownify import MarkdownConverter

_BLANK = re.compile(r"\n{3,}")
_LOCAL = re.compile(r"\[\\\[(\d+)\]\]\(#source-\d+\)")
_MARKS = re.compile(r"([\\<`\[*_|~]|&(?=#?\w{1,32};))")
_FIRST_MARK = re.compile(r"^(\s*)([#>+-])")
_FIRST_NUMBER = re.compile(r"^(\s*\d{1,9})([.)])(?=\s|$)")

_IN_ADDRESSES = str.maketrans({sign: f"%{ord(sign):02X}" for sign in '()<> "\\'})
"""What would end an address early."""


class _Converter(MarkdownConverter):
    def escape(self, text: str | None, parent_tags: Any) -> str:  # noqa: ARG002  the library's signature
        """Words of pages stay words: no tags, links or headings come of them."""
        plain = _MARKS.sub(r"\\\1", text or "")
        return _FIRST_NUMBER.sub(r"\1\\\2", _FIRST_MARK.sub(r"\1\\\2", plain))

    def convert_a(self, el: Any, text: str, parent_tags: Any) -> str:
        if "href" in el.attrs:
            el["href"] = el["href"].translate(_IN_ADDRESSES)
        written: str = super().convert_a(el, text, parent_tags)  # type: ignore[misc]  # its stubs leave it out
        return written

    def convert_img(self, el: Any, text: str, parent_tags: Any) -> str:  # noqa: ARG002  the library's signature
        alt = self.escape(" ".join(el.attrs.get("alt", "").split()), parent_tags)
        return f"![{alt}]({el.attrs.get('src', '').translate(_IN_ADDRESSES)})"


def markdown(html: str) -> str:
    """Return the HTML fragment as Markdown; citations stay as plain ``[n]``."""
    text = _Converter(heading_style="ATX", bullets="-", strip=["nav"]).convert(html)
    return _BLANK.sub("\n\n", _LOCAL.sub(r"[\1]", text)).strip() + "\n"
