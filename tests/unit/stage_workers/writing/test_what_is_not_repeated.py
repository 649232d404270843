"""What an article may not say is left out, and how often it names its keyword is brought to where it reads well."""

import msgspec
import pytest

from contracts.articles import Finding, RoundReport, Sentence
from stage_workers.extractive.density import balanced
from stage_workers.extractive.draft import compose
from stage_workers.extractive.feedback import described
from stage_workers.extractive.topics import gather
from stage_workers.extractive.unwanted import fit_topics, unfit
from stage_workers.keywords import density, occurrences
from stage_workers.site.competitors import of_entries

CASES = (("bicycle chain", "bicycle-chain", "en"), ("Regenwasser", "regenwasser", "de"))


def told(draft):
    yield draft.headline
    yield from (section.heading for section in draft.sections)
    yield from (item.question for item in (*draft.faq, *draft.paa))


def share(make, draft, keyword, language="en"):
    return density((*told(draft), *(each.text for each in make.every_sentence(draft))), keyword, language)


def spoilt(make, sentence):
    """A task whose every page holds a sentence in the middle of each paragraph that ends a sentence."""
    page = make.page("bicycle-chain")
    text = page.text.replace(". ", f". {sentence} ", 3)
    assert sentence in text
    return make.write_draft(
        "bicycle chain", [msgspec.structs.replace(page, text=text), make.page("bicycle-faq")]
    )


@pytest.mark.parametrize(
    "sentence",
    [
        "The riders of Pedal Palace oil their chains twice in every single week.",
        "It is important to note that a chain has many links that all want oil.",
        "Those who want more can read on at https://elsewhere.example/chains today.",
    ],
)
def test_sentences_that_the_gate_would_refuse_are_left_out(make, sentence):
    task = spoilt(make, sentence)
    company = msgspec.structs.replace(task.company, competitors=("Pedal Palace",))
    draft = compose(msgspec.structs.replace(task, company=company), "extractive")
    assert not any(sentence in each.text for each in make.every_sentence(draft))
    assert len(draft.sections) >= 3


@pytest.mark.parametrize("place", ["heading", "list", "table"])
def test_headings_lists_and_tables_that_name_a_competitor_are_left_out(make, place):
    page = make.page("bicycle-chain")
    more = {
        "heading": "## What Pedal Palace says\n\nA clean chain shifts well and runs for years in all weather.",
        "list": "## Tools\n\n- a brush that Pedal Palace sells\n- a rag\n- a bottle of thin chain oil",
        "table": "## Prices\n\n| Shop | Price |\n|---|---|\n| Pedal Palace | 12 crowns |\n| Bicycle chain | 14 crowns |",
    }
    longer = msgspec.structs.replace(page, text=f"{page.text}\n\n{more[place]}\n")
    task = make.write_draft("bicycle chain", [longer, make.page("bicycle-faq")])
    topics = gather(task.sources, "bicycle chain", "en")
    kept = fit_topics(topics, "en", unfit("en", of_entries(["Pedal Palace"])))
    assert "Pedal Palace" in str(topics)
    assert "Pedal Palace" not in str([(topic.heading, topic.blocks) for topic in kept])
    assert len(kept) >= len(topics) - 1


def test_pages_in_another_language_are_left_out_unless_there_are_no_others(make):
    both = make.write_draft("bicycle chain", [make.page("bicycle-chain"), make.page("regenwasser")])
    german = {source.source_id for source in both.sources if "regenwasser" in source.url}
    assert german
    draft = compose(both, "extractive")
    assert german.isdisjoint(name for each in make.every_sentence(draft) for name in each.source_ids)
    alone = compose(make.write_draft("Regenwasser", [make.page("regenwasser")]), "extractive")
    assert alone.sections


@pytest.mark.parametrize(
    "keyword", ["bicycle chain wear gauge", "how to oil a bicycle chain", "chain cleaning at home"]
)
def test_a_rare_keyword_is_named_above_sections(make, keyword):
    draft = compose(make.write_draft(keyword, make.bicycle_pages()), "extractive")
    assert 0.5 <= share(make, draft, keyword) <= 1.5
    added = [each for each in make.body_sentences(draft) if occurrences(each.text, keyword)]
    assert added
    assert all(each.connective for each in added)


def test_a_frequent_keyword_costs_only_what_can_be_spared_and_nothing_in_vain(make):
    task = make.write_draft("bicycle chain", make.bicycle_pages())
    draft = compose(task, "extractive")
    oily = tuple(Sentence(text=f"Oil number {n} is an oil for links.", source_ids=("s1",)) for n in range(6))
    hopeless = msgspec.structs.replace(draft, intro=10 * oily)
    assert share(make, hopeless, "oil") > 1.5
    assert balanced(hopeless, "oil", "en", task.sources) == hopeless
    dense = msgspec.structs.replace(draft, takeaways=(*draft.takeaways, *oily))
    assert share(make, dense, "oil") > 1.5
    rarer = balanced(dense, "oil", "en", task.sources)
    assert 1.3 < share(make, rarer, "oil") <= 1.5
    assert len(rarer.sections) >= 4
    assert len(rarer.takeaways) > 0


def test_a_keyword_that_stands_in_every_line_gives_way_to_other_sentences(make):
    task = make.write_draft("chain", make.bicycle_pages())
    assert 0.5 <= share(make, compose(task, "extractive"), "chain") <= 1.5


@pytest.mark.parametrize(("keyword", "name", "language"), CASES)
def test_an_article_that_names_its_keyword_often_enough_is_not_touched(make, keyword, name, language):
    task = make.write_draft(keyword, [make.page(name)], language)
    draft = compose(task, "extractive")
    if 0.55 <= share(make, draft, keyword, language) <= 1.45:
        assert balanced(draft, keyword, language, task.sources) == draft


def test_a_round_says_what_it_chooses_otherwise():
    first = RoundReport(
        round=1, score=60, passed=False, findings=(Finding(code="answer", message="", where="A sentence."),)
    )
    assert described(()) == ()
    assert described((first,)) == (
        "took direct answer number 2 in order of fitness",
        "left out 1 passages that findings name",
    )
