"""Which language a text is in, by how many of its words are stop words of each language.

A profile of stop words rather than a library: whole sections of an article are judged, where every third word is a stop
word and a profile does not err; the lists are on board already (bm25s). lingua brings 100 MB of models, langdetect draws
lots inside and has had no release since 2021.
"""

from __future__ import annotations

from stage_workers.keywords import words
from stage_workers.stop_words import KNOWN, stop_words

FEWEST_WORDS = 30
"""Of a text that can be judged."""
_CLEAR_SHARE = 0.2
_CLEARLY_MORE = 1.5


def other_language(text: str, language: str) -> str | None:
    """Return the language that a text clearly is in when it is not in ``language``; else None.

    A text in a language without a list, or too short to say, is given the benefit of the doubt."""
    found = words(text)
    if len(found) < FEWEST_WORDS:
        return None
    own = language.split("-", maxsplit=1)[0].lower()
    shares = {name: _share(found, name) for name in {*KNOWN, own}}
    best = max(sorted(shares), key=lambda name: shares[name])
    clear = shares[best] >= _CLEAR_SHARE and shares[best] > _CLEARLY_MORE * shares[own]
    return best if clear and best != own else None


def _share(found: list[str], language: str) -> float:
    stop = stop_words(language)
    return sum(word in stop for word in found) / len(found)
