"""The direct answer: 40 to 60 words of the pages that answer the keyword's question."""

from collections.abc import Iterator, Sequence
from itertools import islice

from contracts.articles import Sentence
from stage_workers.extractive.ledger import Ledger
from stage_workers.extractive.phrases import phrases
from stage_workers.extractive.ranking import is_new
from stage_workers.extractive.topics import Topic
from stage_workers.extractive.windows import Window, windows
from stage_workers.wording import word_count

FEWEST, MOST = 40, 60
_FIRSTS, _SECONDS = 20, 60


def compose(
    topics: Sequence[Topic], keyword: str, language: str, ledger: Ledger, lead: Sentence, rank: int = 0
) -> tuple[Sentence, ...]:
    """Return the answer and take its sentences. ``rank`` asks for the next best ones: 1 for the second and so on.

    In this order: one run of sentences with the keyword; two runs of one page; ``lead``, which names the
    keyword, before a run without it; and where the pages hold too few words, the best run there is."""
    known = phrases(language)
    found = windows(topics, keyword, language, known, ledger, MOST)
    answers = list(islice(_distinct(_answers(found, lead)), rank + 1))
    if not answers:
        return ()
    answer = answers[-1]
    ledger.take(*(sentence.text for sentence in answer))
    return answer


def lead(keyword: str, language: str, *, covered: bool) -> Sentence:
    """Return a line that names the keyword where no sentence does; it says so when no page speaks of it."""
    known = phrases(language)
    template = known.answer_lead if covered else known.answer_lead_related
    return Sentence(text=template.format(keyword=keyword), connective=True)


def _distinct(answers: Iterator[tuple[Sentence, ...]]) -> Iterator[tuple[Sentence, ...]]:
    seen: set[tuple[str, ...]] = set()
    for answer in answers:
        texts = tuple(sentence.text for sentence in answer)
        if texts not in seen:
            seen.add(texts)
            yield answer


def _answers(found: list[Window], lead: Sentence) -> Iterator[tuple[Sentence, ...]]:
    on_keyword = [window for window in found if window.on_keyword]
    yield from (_sentences(window) for window in on_keyword if window.words >= FEWEST)
    yield from (_sentences(*pair) for pair in _pairs(on_keyword, found))
    room = MOST - word_count(lead.text)
    led = [window for window in found if window.words <= room]
    yield from ((lead, *_sentences(window)) for window in led if window.words + MOST - room >= FEWEST)
    yield from (_sentences(window) for window in sorted(on_keyword, key=lambda window: -window.words))
    yield from ((lead, *_sentences(window)) for window in sorted(led, key=lambda window: -window.words))


def _pairs(firsts: list[Window], seconds: list[Window]) -> Iterator[tuple[Window, Window]]:
    for first in firsts[:_FIRSTS]:
        same_page = (window for window in seconds if window.topic.place[0] == first.topic.place[0])
        for second in islice(same_page, _SECONDS):
            fits = FEWEST <= first.words + second.words <= MOST
            if fits and all(is_new(text, first.texts) for text in second.texts):
                yield first, second


def _sentences(*chosen: Window) -> tuple[Sentence, ...]:
    return tuple(window.topic.sentence(text) for window in chosen for text in window.texts)
