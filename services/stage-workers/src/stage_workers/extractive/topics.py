"""The sources' quotes, gathered into topics: what one page says under one heading."""

from collections.abc import Iterable
from itertools import groupby

import msgspec

from contracts.articles import Sentence, Source
from contracts.stages import CompanyOutput
from stage_workers.blocks import Block, read
from stage_workers.extractive.phrases import Phrases, phrases
from stage_workers.extractive.quotes import usable_part
from stage_workers.extractive.ranking import scores
from stage_workers.extractive.sentences import is_question, split
from stage_workers.extractive.tokens import mentions
from stage_workers.wording import word_count

_KIND_WEIGHT = {"legal": 0.0, "contact": 0.2, "about": 0.5, "home": 0.8}
_HEADING_BONUS = 0.4
_TITLE_BONUS = 0.5
_ANSWER_WORDS = 100
_FAQ_SHARE = 0.6
_FAQ_FEWEST = 3


class Topic(msgspec.Struct, frozen=True, kw_only=True):
    """What one page says under one heading."""

    place: tuple[int, int]
    """The source's index and the topic's index in it."""
    source: Source
    heading: str
    blocks: tuple[Block, ...]
    score: float = 0.0
    from_questions_page: bool = False
    """Its page is a list of questions with short answers."""

    def words(self) -> str:
        return " ".join(block.words() for block in self.blocks)

    def sentence(self, text: str) -> Sentence:
        """Return words of this topic as a sentence that stands on its page."""
        return Sentence(text=text, source_ids=(self.source.source_id,))


def gather(
    sources: Iterable[Source], keyword: str, language: str, company: CompanyOutput | None = None
) -> list[Topic]:
    """Return the topics of all sources in page order, each with its relevance to the keyword."""
    known = phrases(language)
    topics: list[Topic] = []
    for number, source in enumerate(sources):
        topics += _of_source(number, source, language, known)
    weights = {page.url: _KIND_WEIGHT.get(page.kind, 1.0) for page in company.pages} if company else {}
    ranked = scores([f"{topic.heading} {topic.words()}" for topic in topics], keyword, language)
    return [
        msgspec.structs.replace(
            topic, score=(score + _bonus(topic, keyword)) * weights.get(topic.source.url, 1.0)
        )
        for topic, score in zip(topics, ranked, strict=True)
    ]


def sentences(block: Block, language: str) -> tuple[str, ...]:
    """Return a paragraph's sentences; none of a list or a table."""
    return split(block.text, language) if block.kind == "paragraph" else ()


def _of_source(number: int, source: Source, language: str, known: Phrases) -> list[Topic]:
    topics = []
    for place, (heading, quotes) in enumerate(groupby(source.quotes, key=lambda quote: quote.heading)):
        parts = (
            usable_part(block, language, known) for quote in quotes for block in read(quote.text, heading)
        )
        blocks = tuple(block for block in parts if block)
        if blocks:
            topics.append(Topic(place=(number, place), source=source, heading=heading, blocks=blocks))
    short = [
        topic for topic in topics if is_question(topic.heading) and word_count(topic.words()) <= _ANSWER_WORDS
    ]
    listed = len(short) >= max(_FAQ_FEWEST, _FAQ_SHARE * len(topics))
    return [msgspec.structs.replace(topic, from_questions_page=listed and topic in short) for topic in topics]


def _bonus(topic: Topic, keyword: str) -> float:
    heading = _HEADING_BONUS if mentions(topic.heading, keyword) else 0.0
    return heading + (_TITLE_BONUS if mentions(topic.source.title, keyword) else 0.0)
