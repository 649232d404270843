"""Questions and answers: the pages' own question headings with their first sentences, then labelled questions."""

from collections.abc import Iterable, Iterator, Sequence

from contracts.articles import QuestionAnswer, Sentence
from stage_workers.extractive.ledger import Ledger
from stage_workers.extractive.phrases import Phrases, phrases
from stage_workers.extractive.ranking import is_new
from stage_workers.extractive.sentences import heading_leans, is_question, stands_alone
from stage_workers.extractive.topics import Topic, relevant, sentences
from stage_workers.wording import word_count

FAQ_FEWEST, FAQ_MOST = 5, 6
PAA_FEWEST, PAA_MOST = 3, 4
_ANSWER_MOST = 60
_ANSWER_FEWEST = 6
_SAME_QUESTION = 82.0
_QUESTIONS_PAGE_BONUS = 0.3


def ask(
    topics: Sequence[Topic], language: str, ledger: Ledger, known_questions: Iterable[str], count: int
) -> list[QuestionAnswer]:
    """Return up to ``count`` questions with answers whose words are unused, and take these words.

    ``known_questions`` (headings, questions asked already) are not asked again. Questions beside the
    subject are asked only while there are too few."""
    asked = list(known_questions)
    threshold = relevant(topics)
    found: list[QuestionAnswer] = []
    for question, topic in _candidates(topics, phrases(language)):
        beside = topic.score < threshold or not topic.on_keyword
        if len(found) == count or (len(found) >= FAQ_FEWEST + PAA_FEWEST and beside):
            break
        if not is_new(question, asked, _SAME_QUESTION):
            continue
        texts = _answer(topic, language, ledger, leans=question == topic.heading)
        if texts:
            ledger.take(*texts)
            asked.append(question)
            found.append(QuestionAnswer(question=question, answer=tuple(map(topic.sentence, texts))))
    return found


def distinct(items: Iterable[QuestionAnswer], known: Sequence[QuestionAnswer] = ()) -> list[QuestionAnswer]:
    """Return the items whose question and answer are unlike those before them and unlike ``known``."""
    kept: list[QuestionAnswer] = []
    for item in items:
        others = [*known, *kept]
        new_question = is_new(item.question, (other.question for other in others), _SAME_QUESTION)
        if (
            item.answer
            and new_question
            and is_new(_text(item.answer), (_text(other.answer) for other in others))
        ):
            kept.append(item)
    return kept


def _text(answer: Sequence[Sentence]) -> str:
    return " ".join(sentence.text for sentence in answer)


def _candidates(topics: Sequence[Topic], known: Phrases) -> Iterator[tuple[str, Topic]]:
    ranked = sorted(topics, key=lambda topic: (-topic.score, topic.place))
    ranked = [topic for topic in ranked if topic.score > 0]
    asking = [
        topic for topic in ranked if is_question(topic.heading) and not heading_leans(topic.heading, known)
    ]
    asking.sort(
        key=lambda topic: (-topic.score - _QUESTIONS_PAGE_BONUS * topic.from_questions_page, topic.place)
    )
    yield from ((topic.heading, topic) for topic in asking)
    for topic in ranked:
        if topic.heading and topic not in asking:
            yield _about(topic, known), topic


def _about(topic: Topic, known: Phrases) -> str:
    """Return a question about a topic whose heading is none; a page's first heading mostly is its title."""
    title = topic.source.title
    same = title.casefold() == topic.heading.casefold()
    return (
        known.page_heading.format(title=title)
        if same
        else known.page_question.format(title=title, topic=topic.heading)
    )


def _answer(topic: Topic, language: str, ledger: Ledger, *, leans: bool) -> list[str]:
    """Return the first unused sentences; directly under its question an answer may begin with "It", and begins
    with the first sentence: what follows it explains, and does not answer."""
    known = phrases(language)
    first = next((text for block in topic.blocks for text in sentences(block, language)), "")
    if leans and not ledger.is_fresh(first):
        return []
    for block in topic.blocks:
        texts: list[str] = []
        for number, text in enumerate(sentences(block, language)):
            begins = bool(texts) or (leans and number == 0) or stands_alone(text, known)
            words = sum(map(word_count, texts)) + word_count(text)
            if not begins or not ledger.is_fresh(text) or not is_new(text, texts):
                if texts:
                    break
                continue
            if texts and words > _ANSWER_MOST:
                break
            texts.append(text)
        if sum(map(word_count, texts)) >= _ANSWER_FEWEST:
            return texts
    return []
