"""Ranks texts by how much they have to do with some words (BM25), and finds near-duplicates."""

from collections.abc import Iterable, Sequence

import bm25s
from rapidfuzz import fuzz

from stage_workers.extractive.tokens import mentions, tokens

_SAME = 88.0
_PHRASE_BONUS = 0.5


def scores(texts: Sequence[str], query: str, language: str) -> list[float]:
    """Return a score for each text, 0 to about 1.5: BM25 scaled to the best, and a bonus for the whole phrase."""
    corpus = [tokens(text, language) or [""] for text in texts]
    wanted = list(dict.fromkeys(tokens(query, language)))
    if not corpus or not wanted:
        return [0.0] * len(texts)
    index = bm25s.BM25()
    index.index(corpus, show_progress=False)
    raw = [float(score) for score in index.get_scores(wanted)]
    best = max(raw) or 1.0
    return [
        round(score / best + (_PHRASE_BONUS if mentions(text, query) else 0.0), 6)
        for score, text in zip(raw, texts, strict=True)
    ]


def alike(one: str, other: str, threshold: float = _SAME) -> bool:
    """Say whether two texts are nearly the same words in nearly the same order."""
    return fuzz.ratio(one.casefold(), other.casefold(), score_cutoff=threshold) > 0


def is_new(text: str, known: Iterable[str], threshold: float = _SAME) -> bool:
    return not any(alike(text, other, threshold) for other in known)
