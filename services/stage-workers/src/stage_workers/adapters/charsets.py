"""From a page's bytes to text: what its server and it say of the charset, doubted where they are often wrong."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

_ADDED_UNASKED = frozenset({"iso8859-1", "cp1252", "ascii"})
"""What servers say of every page until somebody sets them up: UTF-8 is tried before these."""
_NO_CHARSETS = frozenset(
    {"punycode", "idna", "unicode-escape", "raw-unicode-escape", "undefined", "mbcs", "oem"}
)
"""Codecs of Python's that no page is written in; some take hours for a few megabytes."""
_META = re.compile(rb"<meta[^>]{0,200}?charset\s{0,5}=\s{0,5}[\"']?([\w:.-]{1,40})", re.IGNORECASE)
_HEAD = 2048
"""Bytes in which a page says its charset."""
_BINARY = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
"""Bytes that no text has, by the WHATWG's MIME Sniffing Standard; of UTF-16 and 32, which have, the marks below."""
_BYTE_ORDER_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)


def is_binary(body: bytes) -> bool:
    """Say whether this is no text at all, whatever its server calls it."""
    head = body[:_HEAD]
    return head.startswith(b"%PDF-") or (
        not head.startswith(_BYTE_ORDER_MARKS) and _BINARY.search(head) is not None
    )


def text(body: bytes, stated: str | None) -> str:
    """Return the page's text; ``stated`` is its server's word. What no charset fits is read as browsers do."""
    for name in _candidates(body, stated):
        try:
            return body.decode(name)
        except (LookupError, UnicodeDecodeError):
            continue
    return body.decode("windows-1252", "replace")


def _candidates(body: bytes, stated: str | None) -> Iterator[str]:
    named = _META.search(body[:_HEAD])
    known = [_known(stated), _known(named[1].decode("ascii", "ignore") if named else None)]
    trusted = [name for name in known if name is not None and name not in _ADDED_UNASKED]
    yield from (*trusted, "utf-8")
    yield from (name for name in known if name is not None)


def _known(name: str | None) -> str | None:
    """Return the codec's own name; None when there is none."""
    try:
        found = codecs.lookup(name or "")
    except (LookupError, ValueError):
        return None
    return None if found.name in _NO_CHARSETS else found.name
