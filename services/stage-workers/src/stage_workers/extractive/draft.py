"""Composes the article: who gets which words, in what order."""

from collections.abc import Sequence

from contracts.articles import Draft, QuestionAnswer
from stage_workers.errors import Permanent
from stage_workers.extractive import body, direct_answer, introduction, questions, sections
from stage_workers.extractive.density import balanced, is_crowded
from stage_workers.extractive.feedback import choices, described
from stage_workers.extractive.headline import with_titles
from stage_workers.extractive.ledger import Ledger
from stage_workers.extractive.retelling import without_retelling
from stage_workers.extractive.spacing import SPACINGS, crowded
from stage_workers.extractive.topics import Topic, gather, is_covered, sentences
from stage_workers.extractive.unwanted import fit_topics, unfit, unfit_sentences
from stage_workers.markets import choose
from stage_workers.site.competitors import of_company
from stage_workers.tasks import WriteDraft
from stage_workers.wording import plain, word_count

_FEWEST_SENTENCES, _FEWEST_WORDS = 4, 50
_SHORTEST_NAMED = 12


def compose(task: WriteDraft, generator: str) -> Draft:
    """Return the article; where it would name the keyword too often, one of sentences that name it less. Raises
    Permanent: ``too_little_material`` when the sources hold next to nothing, ``keyword_not_covered`` when no word of
    the keyword is in them."""
    keyword, language = task.request.primary_keyword, task.brief.language
    topics, avoided = _material(task)
    first = draft = _composed(task, generator, topics, avoided)
    for spacing in SPACINGS:
        if not is_crowded(draft, keyword, language):
            return draft
        spared = tuple(crowded(topics, keyword, language, spacing))
        try:
            draft = _composed(task, generator, topics, (*avoided, *spared))
        except Permanent:
            return first
    return first if is_crowded(draft, keyword, language) else draft


def _material(task: WriteDraft) -> tuple[list[Topic], tuple[str, ...]]:
    """Return the topics to write from, and their sentences that must not be used."""
    keyword, language = task.request.primary_keyword, task.brief.language
    is_unfit = unfit(language, of_company(task.company))
    authorities = choose(language, task.brief.country).market.authorities
    topics = gather(task.sources, keyword, language, task.company, authorities)
    topics = fit_topics(topics, language, is_unfit)
    _check_material(topics, keyword, language)
    named = _avoided(topics, language, choices(task.rounds).avoid)
    return topics, (*named, *unfit_sentences(topics, language, is_unfit))


def _composed(task: WriteDraft, generator: str, topics: list[Topic], avoided: Sequence[str]) -> Draft:
    """Write the article without these sentences. Raises Permanent ``too_little_material``."""
    chosen = choices(task.rounds)
    keyword, language = task.request.primary_keyword, task.brief.language
    ledger = Ledger(avoided, chosen.likeness)
    covered = is_covered(topics, keyword, language)
    lead = direct_answer.lead(keyword, language, covered=covered)
    answer = direct_answer.compose(topics, keyword, language, ledger, lead, chosen.answer_rank)
    ranked = body.candidates(topics, language, chosen)
    intro = introduction.introduce(topics, keyword, language, ledger, answer)
    words = round(task.brief.word_target * chosen.stretch)
    built = body.build(ranked, body.most_sections(topics), words, language, ledger)
    picked = sections.in_reading_order([topic for topic, _ in built])
    ordered = [part for topic in picked for other, part in built if other is topic]
    parts = body.with_list(without_retelling(ordered, language), language)
    if not parts:
        reason = "the pages hold too few words on one subject for a single section: name pages in source_urls"
        raise Permanent("too_little_material", reason)
    rest = [topic for topic in topics if topic not in picked]
    asked = [section.heading for section in parts]
    faq, paa = _ask(rest, picked, language, ledger, asked)
    draft = Draft(
        headline="",
        teaser="",
        direct_answer=answer,
        intro=intro,
        sections=tuple(parts),
        takeaways=introduction.take_away(topics, keyword, language, ledger, task.company.name),
        faq=tuple(faq),
        paa=tuple(paa),
        generator=generator,
        changes=described(task.rounds),
    )
    return balanced(with_titles(draft, task, covered=covered), keyword, language, task.sources)


def _check_material(topics: Sequence[Topic], keyword: str, language: str) -> None:
    texts = {text for topic in topics for block in topic.blocks for text in sentences(block, language)}
    words = sum(word_count(topic.words()) for topic in topics)
    if len(texts) < _FEWEST_SENTENCES or words < _FEWEST_WORDS:
        raise Permanent(
            "too_little_material",
            f"the pages hold only {len(texts)} usable sentences ({words} words); an article that invents nothing "
            f"needs at least {_FEWEST_SENTENCES} sentences and {_FEWEST_WORDS} words: name pages in source_urls",
        )
    if not any(topic.score > 0 for topic in topics):
        raise Permanent(
            "keyword_not_covered",
            f"none of the pages says anything about “{keyword}”, and an article that invents nothing needs pages "
            "that do: name some in source_urls",
        )


def _avoided(topics: Sequence[Topic], language: str, named: Sequence[str]) -> list[str]:
    """Return the sentences that a finding names, whole or in part."""
    wanted = [text for text in map(plain, named) if len(text) >= _SHORTEST_NAMED]
    texts = (text for topic in topics for block in topic.blocks for text in sentences(block, language))
    return [text for text in texts if any(text in name or name in text for name in wanted)]


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
