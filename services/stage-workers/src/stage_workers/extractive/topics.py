"""The sources' quotes, gathered into topics: what one page says under one heading."""

from collections.abc import Iterable, Sequence
from itertools import groupby

import msgspec

from contracts.articles import Sentence, Source
from contracts.stages import CompanyOutput
from stage_workers.blocks import Block, read
from stage_workers.extractive.phrases import Phrases, phrases
from stage_workers.extractive.quotes import usable_part
from stage_workers.extractive.ranking import scores
from stage_workers.extractive.sentences import is_question, split
from stage_workers.extractive.tokens import mentions, tokens
from stage_workers.markets import is_authority
from stage_workers.site.addresses import is_listing, is_questions_page, path_words
from stage_workers.wording import word_count

_KIND_WEIGHT = {"legal": 0.0, "contact": 0.1, "about": 0.3, "home": 0.7}
_LISTING_WEIGHT, _AUTHORITY_WEIGHT = 0.1, 1.3
_HEADING_BONUS = 0.4
_TITLE_BONUS, _ADDRESS_BONUS = 0.5, 0.5
_TOPIC_SHARE = 0.7
_ANSWER_WORDS = 100
_RELEVANT = 0.3


class Topic(msgspec.Struct, frozen=True, kw_only=True):
    """What one page says under one heading."""

    place: tuple[int, int]
    """The source's index and the topic's index in it."""
    source: Source
    heading: str
    blocks: tuple[Block, ...]
    score: float = 0.0
    on_keyword: bool = False
    """Itself, not only its page, holds a word of the keyword."""
    from_questions_page: bool = False
    """Its page is a list of questions with short answers."""

    def words(self) -> str:
        return " ".join(block.words() for block in self.blocks)

    def sentence(self, text: str) -> Sentence:
        """Return words of this topic as a sentence that stands on its page."""
        return Sentence(text=text, source_ids=(self.source.source_id,))


def gather(
    sources: Iterable[Source],
    keyword: str,
    language: str,
    company: CompanyOutput | None = None,
    authorities: tuple[str, ...] = (),
) -> list[Topic]:
    """Return the topics of all sources in page order, each with its relevance to the keyword; pages of authorities,
    named by their hosts, before others."""
    known = phrases(language)
    topics: list[Topic] = []
    for number, source in enumerate(sources):
        topics += _of_source(number, source, language, known)
    ranked = scores([f"{topic.heading} {topic.words()}" for topic in topics], keyword, language)
    pages = _page_scores(topics, keyword, language)
    wanted = set(tokens(keyword, language))
    return [
        msgspec.structs.replace(
            topic,
            on_keyword=not wanted.isdisjoint(tokens(f"{topic.heading} {topic.words()}", language)),
            score=_weight(topic.source.url, company, authorities)
            * (_own(topic, score, keyword) + pages[topic.place[0]]),
        )
        for topic, score in zip(topics, ranked, strict=True)
    ]


def is_covered(topics: Iterable[Topic], keyword: str, language: str) -> bool:
    """Say whether some topic holds all words of the keyword."""
    wanted = set(tokens(keyword, language))
    return any(
        wanted.issubset(tokens(f"{topic.source.title} {topic.heading} {topic.words()}", language))
        for topic in topics
    )


def relevant(topics: Sequence[Topic]) -> float:
    """Return the score from which a topic has to do with the keyword, compared with the best one."""
    return _RELEVANT * max((topic.score for topic in topics), default=0.0)


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
    listed = is_questions_page(source.url) or known.questions_page in source.title.casefold()
    return [
        msgspec.structs.replace(topic, from_questions_page=listed and _is_short_answer(topic))
        for topic in topics
    ]


def _own(topic: Topic, score: float, keyword: str) -> float:
    return _TOPIC_SHARE * score + _HEADING_BONUS * mentions(topic.heading, keyword)


def _is_short_answer(topic: Topic) -> bool:
    one_paragraph = len(topic.blocks) == 1 and topic.blocks[0].kind == "paragraph"
    return one_paragraph and is_question(topic.heading) and word_count(topic.words()) <= _ANSWER_WORDS


def _page_scores(topics: Iterable[Topic], keyword: str, language: str) -> dict[int, float]:
    """Return how much each page as a whole is about the keyword: its words, title and address."""
    texts: dict[int, str] = {}
    sources: dict[int, Source] = {}
    for topic in topics:
        number = topic.place[0]
        sources[number] = topic.source
        texts[number] = f"{texts.get(number, topic.source.title)} {topic.heading} {topic.words()}"
    ranked = scores(list(texts.values()), keyword, language)
    return {
        number: score
        + _TITLE_BONUS * mentions(sources[number].title, keyword)
        + _ADDRESS_BONUS * mentions(path_words(sources[number].url), keyword)
        for number, score in zip(texts, ranked, strict=True)
    }


def _weight(url: str, company: CompanyOutput | None, authorities: tuple[str, ...]) -> float:
    """Return how much a page counts as material: pages about the firm less than those about its trade."""
    if is_listing(url):
        return _LISTING_WEIGHT
    if is_authority(url, authorities):
        return _AUTHORITY_WEIGHT
    kinds = {page.url: page.kind for page in company.pages} if company else {}
    return _KIND_WEIGHT.get(kinds.get(url, "other"), 1.0)
