"""Remembers which sentences the article has used, so that none stands in it twice."""

from collections.abc import Iterable

from rapidfuzz import fuzz, process


class Ledger:
    """The sentences used so far. ``likeness`` (0 to 100) is from where two sentences count as the same."""

    def __init__(self, avoid: Iterable[str] = (), likeness: float = 88.0) -> None:
        self._taken = [text.casefold() for text in avoid]
        self._likeness = likeness

    def is_fresh(self, text: str) -> bool:
        """Say whether nothing like ``text`` has been used."""
        folded = text.casefold()
        found = process.extractOne(folded, self._taken, scorer=fuzz.ratio, score_cutoff=self._likeness)
        return found is None

    def take(self, *texts: str) -> None:
        self._taken += [text.casefold() for text in texts]

    def copy(self) -> "Ledger":
        """Return another ledger with the same entries, to try something out."""
        return Ledger(self._taken, self._likeness)

    def fresh(self, texts: Iterable[str]) -> list[str]:
        """Return those of ``texts`` that are new to the ledger and to one another."""
        trial = self.copy()
        kept = []
        for text in texts:
            if trial.is_fresh(text):
                trial.take(text)
                kept.append(text)
        return kept
