"""Divides text into sentences and judges which of them can stand alone."""

import re

import sentencex

from stage_workers.extractive.phrases import Phrases
from stage_workers.wording import word_count

_ENDS = re.compile(r"(?<!\.\.)[.!?][\"'”’»“)\]]*$")
_SHORTEST, _LONGEST = 4, 55
_MOST_CHARACTERS = 700
_FIRST_WORD = re.compile(r"[\w’']+")


def split(text: str, language: str) -> tuple[str, ...]:
    """Return the sentences of ``text``, each exactly as it stands there."""
    parts = sentencex.segment(language.split("-", maxsplit=1)[0].lower(), text)
    return tuple(part.strip() for part in parts if part.strip())


def is_whole(sentence: str) -> bool:
    """Say whether this is a sentence at all: a beginning, an end and a bearable length."""
    first = sentence.lstrip("\"'“‘„«([")[:1]
    if len(sentence) > _MOST_CHARACTERS:
        return False
    sized = _SHORTEST <= word_count(sentence) <= _LONGEST
    return sized and bool(_ENDS.search(sentence)) and not first.islower() and first.isalnum()


def stands_alone(sentence: str, phrases: Phrases) -> bool:
    """Say whether a reader understands the sentence without the one before it."""
    words = [word.casefold() for word in _FIRST_WORD.findall(sentence)]
    if not words or sentence.endswith("?"):
        return False
    folded = sentence.casefold()
    if any(phrase in folded for phrase in phrases.leaning_phrases):
        return False
    return words[0] not in phrases.leaning_starts and phrases.leaning_words.isdisjoint(words)


def heading_leans(heading: str, phrases: Phrases) -> bool:
    """Say whether a heading speaks of something that only its page names."""
    return not phrases.leaning_headings.isdisjoint(word.casefold() for word in _FIRST_WORD.findall(heading))


def is_boilerplate(text: str, phrases: Phrases) -> bool:
    """Say whether the text talks of the web page itself: cookies, clicks, sign-ups, rights."""
    folded = text.casefold()
    return any(mark in folded for mark in phrases.boilerplate)


def is_question(heading: str) -> bool:
    return heading.rstrip().endswith("?") and word_count(heading) > 1
