"""Composes the article: who gets which words, in what order."""

from collections.abc import Sequence

import msgspec

from contracts.articles import BulletList, Draft, Paragraph, QuestionAnswer, Section, Sentence
from stage_workers.errors import Permanent
from stage_workers.extractive import direct_answer, introduction, questions, sections
from stage_workers.extractive.feedback import Choices, choices
from stage_workers.extractive.headline import headline, teaser
from stage_workers.extractive.ledger import Ledger
from stage_workers.extractive.phrases import Phrases, phrases
from stage_workers.extractive.sentences import stands_alone
from stage_workers.extractive.topics import Topic, gather, sentences
from stage_workers.tasks import WriteDraft
from stage_workers.wording import plain, word_count

_FEWEST_SENTENCES, _FEWEST_WORDS = 4, 50
_OTHER_PARTS = 650
_SECTION_WORDS = 110
_FEWEST_SECTIONS, _MOST_SECTIONS = 4, 9
_LEAST_BUDGET = 70
_LIST_ITEM_WORDS, _LIST_ITEMS = 25, 3
_SHORTEST_NAMED = 12


def compose(task: WriteDraft, generator: str) -> Draft:
    """Return the article. Raises Permanent ``too_little_material`` when the sources hold next to nothing."""
    chosen = choices(task.rounds)
    keyword, language = task.request.primary_keyword, task.brief.language
    topics = gather(task.sources, keyword, language, task.company)
    _check_material(topics, language)
    ledger = Ledger(_avoided(topics, language, chosen.avoid), chosen.likeness)
    answer = direct_answer.compose(topics, keyword, language, ledger, chosen.answer_rank)
    candidates = _candidates(topics, language, chosen)
    later = [topic for topic in topics if topic not in candidates[:_FEWEST_SECTIONS]]
    intro = introduction.introduce(later, keyword, language, ledger, answer)
    built = _build(candidates, round(task.brief.word_target * chosen.stretch), language, ledger)
    picked = sections.in_reading_order([topic for topic, _ in built])
    body = [section for topic in picked for other, section in built if other is topic]
    rest = [topic for topic in topics if topic not in picked]
    if not any(isinstance(block, BulletList) for section in body for block in section.blocks):
        body = _with_list(body, language)
    asked = [section.heading for section in body]
    faq, paa = _ask(rest, picked, language, ledger, asked)
    return Draft(
        headline=headline(task),
        teaser=teaser(task),
        direct_answer=answer,
        intro=intro,
        sections=tuple(body),
        takeaways=introduction.take_away(topics, keyword, language, ledger),
        faq=tuple(faq),
        paa=tuple(paa),
        generator=generator,
    )


def _check_material(topics: Sequence[Topic], language: str) -> None:
    texts = {text for topic in topics for block in topic.blocks for text in sentences(block, language)}
    words = sum(word_count(topic.words()) for topic in topics)
    if len(texts) < _FEWEST_SENTENCES or words < _FEWEST_WORDS:
        raise Permanent(
            "too_little_material",
            f"the pages hold only {len(texts)} usable sentences ({words} words); an article that invents nothing "
            f"needs at least {_FEWEST_SENTENCES} sentences and {_FEWEST_WORDS} words: name pages in source_urls",
        )


def _avoided(topics: Sequence[Topic], language: str, named: Sequence[str]) -> list[str]:
    """Return the sentences that a finding names, whole or in part."""
    wanted = [text for text in map(plain, named) if len(text) >= _SHORTEST_NAMED]
    texts = (text for topic in topics for block in topic.blocks for text in sentences(block, language))
    return [text for text in texts if any(text in name or name in text for name in wanted)]


def _candidates(topics: Sequence[Topic], language: str, chosen: Choices) -> list[Topic]:
    """Return the topics for sections, best first; pages of questions are kept for the FAQ unless there is little
    else. Every second one is spare, for those that turn out to be used up."""
    prose = [topic for topic in topics if not topic.from_questions_page]
    enough = sum(topic.score > 0 for topic in prose) >= _FEWEST_SECTIONS
    return sections.choose(
        prose if enough else topics, 2 * _FEWEST_SECTIONS, 2 * _MOST_SECTIONS, chosen.spread, language
    )


def _build(
    candidates: Sequence[Topic], word_target: int, language: str, ledger: Ledger
) -> list[tuple[Topic, Section]]:
    """Build sections, best first, until the words suffice."""
    wanted = word_target - _OTHER_PARTS
    count = min(max(round(wanted / _SECTION_WORDS), _FEWEST_SECTIONS), _MOST_SECTIONS)
    budget = max(wanted // count, _LEAST_BUDGET)
    built: list[tuple[Topic, Section]] = []
    words = 0
    for topic in candidates:
        if len(built) == _MOST_SECTIONS or (len(built) >= _FEWEST_SECTIONS and words >= wanted):
            break
        section = sections.build(topic, budget, language, ledger)
        if section and section.heading not in {other.heading for _, other in built}:
            built.append((topic, section))
            words += sum(map(sections.words_of, section.blocks))
    return built


def _ask(
    rest: Sequence[Topic], picked: Sequence[Topic], language: str, ledger: Ledger, headings: Sequence[str]
) -> tuple[list[QuestionAnswer], list[QuestionAnswer]]:
    """FAQ first, then people-also-ask; unused words of the sections' topics answer when the rest does not."""
    wanted = questions.FAQ_MOST + questions.PAA_MOST
    found = questions.ask(rest, language, ledger, headings, wanted)
    if len(found) < questions.FAQ_FEWEST + questions.PAA_FEWEST:
        known = [*headings, *(item.question for item in found)]
        found += questions.ask(picked, language, ledger, known, wanted - len(found))
    faq = min(questions.FAQ_MOST, max(len(found) - questions.PAA_FEWEST, questions.FAQ_FEWEST))
    return found[:faq], found[faq:]


def _with_list(body: Sequence[Section], language: str) -> list[Section]:
    """Turn the first paragraph of short independent sentences into a list."""
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
