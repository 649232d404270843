"""The article's body: which topics become sections, how many, and how long."""

from collections.abc import Sequence

import msgspec

from contracts.articles import BulletList, Paragraph, Section, Sentence
from stage_workers.extractive import sections
from stage_workers.extractive.feedback import Choices
from stage_workers.extractive.ledger import Ledger
from stage_workers.extractive.phrases import Phrases, phrases
from stage_workers.extractive.questions import FAQ_FEWEST, PAA_FEWEST
from stage_workers.extractive.sentences import stands_alone
from stage_workers.extractive.topics import Topic
from stage_workers.wording import word_count

FEWEST_SECTIONS, MOST_SECTIONS = 4, 9
_OTHER_PARTS = 650
_SECTION_WORDS = 110
_LEAST_BUDGET = 70
_LIST_ITEM_WORDS, _LIST_ITEMS = 25, 3


def candidates(topics: Sequence[Topic], language: str, chosen: Choices) -> list[Topic]:
    """Return the topics for sections, best first; pages of questions are kept for the FAQ unless there is little
    else. Every second one is spare, for those that turn out to be used up."""
    wanted = [topic for topic in topics if topic.heading not in chosen.avoid]
    prose = [topic for topic in wanted if not topic.from_questions_page]
    enough = sum(topic.score > 0 for topic in prose) >= FEWEST_SECTIONS
    return sections.choose(
        prose if enough else wanted, 2 * FEWEST_SECTIONS, 2 * MOST_SECTIONS, chosen.spread, language
    )


def build(
    ranked: Sequence[Topic], most: int, word_target: int, language: str, ledger: Ledger
) -> list[tuple[Topic, Section]]:
    """Build sections, best first, until the words of the whole article suffice; at most ``most`` of them."""
    wanted = word_target - _OTHER_PARTS
    count = min(max(round(wanted / _SECTION_WORDS), FEWEST_SECTIONS), MOST_SECTIONS)
    budget = max(wanted // count, _LEAST_BUDGET)
    built: list[tuple[Topic, Section]] = []
    words = 0
    for topic in ranked:
        if len(built) == most or (len(built) >= FEWEST_SECTIONS and words >= wanted):
            break
        section = sections.build(topic, budget, language, ledger)
        if section and section.heading not in {other.heading for _, other in built}:
            built.append((topic, section))
            words += sum(map(sections.words_of, section.blocks))
    return built


def most_sections(topics: Sequence[Topic]) -> int:
    """Return how many sections leave enough topics for the questions: four to nine."""
    answering = sum(any(block.kind == "paragraph" for block in topic.blocks) for topic in topics)
    return min(max(answering - FAQ_FEWEST - PAA_FEWEST, FEWEST_SECTIONS), MOST_SECTIONS)


def with_list(body: Sequence[Section], language: str) -> list[Section]:
    """Return the body with a list: if it has none, its first paragraph of short independent sentences as one."""
    if any(isinstance(block, BulletList) for section in body for block in section.blocks):
        return list(body)
    known = phrases(language)
    changed = list(body)
    for at, section in enumerate(body):
        for number, block in enumerate(section.blocks):
            if isinstance(block, Paragraph) and _is_listable(block.sentences, known):
                blocks = (
                    *section.blocks[:number],
                    BulletList(items=block.sentences),
                    *section.blocks[number + 1 :],
                )
                changed[at] = msgspec.structs.replace(section, blocks=blocks)
                return changed
    return changed


def _is_listable(found: Sequence[Sentence], known: Phrases) -> bool:
    if len(found) < _LIST_ITEMS:
        return False
    return all(
        not sentence.connective
        and word_count(sentence.text) <= _LIST_ITEM_WORDS
        and stands_alone(sentence.text, known)
        for sentence in found
    )
