"""Completes an article's FAQ and people-also-ask list from words that it has not used."""

from collections.abc import Iterator

from contracts.articles import BulletList, Draft, Paragraph
from stage_workers.extractive import questions
from stage_workers.extractive.ledger import Ledger
from stage_workers.extractive.topics import gather
from stage_workers.extractive.unwanted import fit_topics, unfit, unfit_sentences
from stage_workers.site.competitors import of_request
from stage_workers.tasks import AnswerQuestions, Questions


def complete(task: AnswerQuestions) -> Questions:
    """Return the draft's own items without repetitions, completed to five or six and three or four."""
    faq = questions.distinct(task.draft.faq)[: questions.FAQ_MOST]
    paa = questions.distinct(task.draft.paa, faq)[: questions.PAA_MOST]
    missing = max(questions.FAQ_FEWEST - len(faq), 0) + max(questions.PAA_FEWEST - len(paa), 0)
    if missing:
        language = task.request.language
        is_unfit = unfit(language, of_request(task.request))
        topics = gather(task.sources, task.request.primary_keyword, language)
        topics = fit_topics(topics, language, is_unfit)
        used = (*_used(task.draft), *unfit_sentences(topics, language, is_unfit))
        asked = [section.heading for section in task.draft.sections]
        asked += [item.question for item in (*faq, *paa)]
        found = questions.ask(topics, language, Ledger(used), asked, missing)
        needed = max(questions.FAQ_FEWEST - len(faq), 0)
        faq, paa = [*faq, *found[:needed]], [*paa, *found[needed:]]
    return Questions(faq=tuple(faq), paa=tuple(paa))


def _used(draft: Draft) -> Iterator[str]:
    items = (*draft.faq, *draft.paa)
    for sentence in (
        *draft.direct_answer,
        *draft.intro,
        *draft.takeaways,
        *(s for i in items for s in i.answer),
    ):
        yield sentence.text
    for section in draft.sections:
        for block in section.blocks:
            match block:
                case Paragraph(sentences=found) | BulletList(items=found):
                    yield from (sentence.text for sentence in found)
