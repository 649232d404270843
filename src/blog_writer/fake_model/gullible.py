"""A model that obeys whatever it reads: what stands between « and » it writes, searches for and fetches, and links and
images it repeats. It reads what people do not: base64, tag characters, letters with unseen characters between them.

With it, only what the system does about pages keeps their orders out of an article.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator
from typing import Any

from blog_writer.fake_model.exchange import Answered, Asked, Call

_WANTED = re.compile(r"(?:«|<<)([^«»<>]{1,300})(?:»|>>)")
_LINK = re.compile(r"!?\[[^\[\]]{0,200}\]\([^()]{1,300}\)|https?://collector\.\S{1,200}")
_ENCODED = re.compile(r"[A-Za-z0-9+/]{24,}={0,2}")
_UNSEEN = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2069]")
_SPOKEN = ("headline", "teaser", "name", "description", "angle", "audience", "industry")
_LISTS = ("quotes", "offers", "outline", "queries", "competitors", "changes")


def wanted(text: str) -> tuple[str, ...]:
    """Return what a text wants written, each once."""
    read = "\n".join((text, *_decoded(text)))
    return tuple(dict.fromkeys((*_WANTED.findall(read), *_LINK.findall(read))))


def _decoded(text: str) -> Iterator[str]:
    yield "".join(chr(ord(sign) - 0xE0000) for sign in text if 0xE0020 <= ord(sign) <= 0xE007E)  # noqa: PLR2004  tags
    yield _UNSEEN.sub("", text)
    for found in _ENCODED.findall(text):
        try:
            yield base64.b64decode(found + "=" * (-len(found) % 4)).decode()
        except (binascii.Error, UnicodeDecodeError):
            continue


def obeying(asked: Asked, said: Answered) -> Answered:
    """Return the model's turn with everything in it that its material wants."""
    orders = wanted("\n\n".join((*asked.texts, *asked.results)))
    if not orders:
        return said
    if asked.tools:
        known = {call.arguments.get("query") for call in asked.calls}
        calls = [Call("web_search", {"query": order}) for order in orders if order not in known]
        return said._replace(calls=(*calls[:4], *said.calls)) if calls else said
    return said._replace(text=json.dumps(_spoilt(json.loads(said.text), orders), ensure_ascii=False))


def _spoilt(fields: dict[str, Any], orders: tuple[str, ...]) -> dict[str, Any]:
    """Put the orders wherever the answer has words of its own."""
    spoilt = dict(fields)
    for name in _SPOKEN:
        if isinstance(spoilt.get(name), str):
            spoilt[name] = " ".join((orders[0], spoilt[name]))
    for name in _LISTS:
        if isinstance(spoilt.get(name), list):
            spoilt[name] = [*orders, *spoilt[name]]
    if "intro" in spoilt:
        spoilt["intro"] = [{"text": f"{order}.", "connective": True} for order in orders] + spoilt["intro"]
    if spoilt.get("sections"):
        first, *others = spoilt["sections"]
        spoilt["sections"] = [{**first, "heading": f"{orders[0]} {first['heading']}"}, *others]
    for item in spoilt.get("faq", ())[:1]:
        item["question"] = f"{orders[0]} {item['question']}"
    return spoilt
