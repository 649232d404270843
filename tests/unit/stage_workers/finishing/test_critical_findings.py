"""Each critical finding on an article that is spoiled in one way; the article that it is made from has none."""

import msgspec
import pytest

from contracts.articles import Paragraph, QuestionAnswer, Section, Table
from stage_workers import gates
from stage_workers.gates import competition, language, links, phrases, repetition, texts
from stage_workers.scoring.material import gathered

GERMAN = (
    "Eine Kette hält am längsten, wenn sie sauber ist und immer nur ein wenig Öl bekommt, weil der Schmutz "
    "sonst mit dem Öl in die Glieder kommt und sie von innen schleift, bis sie zu lang ist und die Ritzel verdirbt."
)
ENGLISH = (
    "A chain lasts longest when it is clean and when it gets only a little oil, because the dirt would else come "
    "into the links with the oil and grind them from the inside until it is too long and spoils the sprockets."
)


def with_sentence(make, text):
    first, *others = make.sections()
    changed = msgspec.structs.replace(first, blocks=(*first.blocks, make.paragraph(text)))
    return make.material(draft=make.draft(sections=(changed, *others), faq=(), paa=()))


def rivals(make, material, *entries):
    return msgspec.structs.replace(material, company=make.company(competitors=entries))


def critical(check, material):
    found = list(check(material))
    assert all(finding.critical for finding in found)
    return [finding.code for finding in found]


@pytest.mark.parametrize("check", gates.CHECKS, ids=lambda check: check.__name__)
def test_a_good_article_passes_each_check(make, check):
    material = rivals(make, make.material(), "Pedal Palace", "chainworks.example")
    assert list(check(material)) == []


@pytest.mark.parametrize(
    "text",
    ["Oil <b>it now.", "Oil it</b> now.", 'See <a href="x', "Oil <em>it <b>now</em></b>.", "Oil it <"],
)
def test_html_that_is_not_closed(make, text):
    assert ("unclosed_html" in critical(texts.unclosed_html, with_sentence(make, text))) is (
        text != "Oil it <"
    )


def test_html_that_is_closed_is_the_other_checks_affair(make):
    assert critical(texts.unclosed_html, with_sentence(make, "Oil <b>it</b><br> now.")) == []


@pytest.mark.parametrize("place", ["direct_answer", "intro"])
def test_a_long_paragraph_before_the_sections(make, place):
    long = make.draft(**{place: (make.sentence("word " * 150 + "end."),), "faq": (), "paa": ()})
    assert critical(texts.long_paragraphs, make.material(draft=long)) == ["long_paragraph"]


def test_a_long_answer(make):
    item = QuestionAnswer(question="Why?", answer=(make.sentence("word " * 150 + "end."),))
    assert critical(texts.long_paragraphs, make.material(faq=(item,))) == ["long_paragraph"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("en", "In today’s fast-paced world nobody oils a chain."),
        ("en", "The gauge is a game-changer for every rider."),
        ("de", "In der heutigen schnelllebigen Welt ölt niemand mehr."),
        ("fr", "Il est important de noter que la chaîne rouille."),
        ("es", "Cabe destacar que la cadena se oxida."),
        ("it", "È importante notare che la catena si arrugginisce."),
        ("nl", "Het is belangrijk op te merken dat de ketting roest."),
    ],
)
def test_a_stock_phrase_of_the_articles_language(make, name, text):
    material = msgspec.structs.replace(with_sentence(make, text), language=name)
    assert critical(texts.stock_phrases, material) == ["stock_phrase"]


@pytest.mark.parametrize("text", ["The tapestry offers a rest.", "It elevates your heart rate."])
def test_words_that_only_resemble_a_stock_phrase(make, text):
    assert critical(texts.stock_phrases, with_sentence(make, text)) == []


def test_the_files_of_stock_phrases_are_in_lower_case_and_not_empty():
    assert set(phrases.files()) == {"en", "de", "fr", "es", "it", "nl"}
    for known in phrases.files().values():
        assert len(known.stock) > 20
        assert all(phrase == phrase.lower() for phrase in (*known.stock, *known.open_ends))


@pytest.mark.parametrize(
    ("name", "text"), [("de", "Die Kette hält lange, weil"), ("fr", "La chaîne rouille parce que")]
)
def test_a_sentence_that_was_cut_off_in_another_language(make, name, text):
    material = msgspec.structs.replace(with_sentence(make, f"{text} und"), language=name)
    assert critical(texts.truncated_items, material) == ["truncated_item"]


def test_a_paragraph_without_an_end_was_cut_off(make):
    assert critical(texts.truncated_items, with_sentence(make, "The chain wears out after some")) == [
        "truncated_item"
    ]


@pytest.mark.parametrize(
    ("keyword", "fine"),
    [("bicycle chains", True), ("Bicycle-Chain", True), ("derailleur", False), ("chain", False)],
)
def test_the_keyword_is_counted_whatever_its_endings_and_hyphens(make, keyword, fine):
    material = msgspec.structs.replace(make.material(), keyword=keyword)
    assert (critical(texts.keyword_density, material) == []) is fine


@pytest.mark.parametrize(
    ("text", "wrong"), [(GERMAN, True), (ENGLISH, False), ("Eine Kette ist lang.", False)]
)
def test_a_section_in_another_language(make, text, wrong):
    others = make.sections()[1:]
    section = Section(heading="Was tun?", blocks=(make.paragraph(text),))
    material = make.material(draft=make.draft(sections=(section, *others), faq=(), paa=()))
    assert [finding.where for finding in language.wrong_language(material)] == ["Was tun?"] * wrong


@pytest.mark.parametrize("name", ["de", "de-CH"])
def test_a_section_in_the_language_asked_for(make, name):
    section = Section(heading="Was tun?", blocks=(make.paragraph(GERMAN),))
    draft = make.draft(sections=(section,), direct_answer=(), intro=(), faq=(), paa=())
    material = msgspec.structs.replace(make.material(draft=draft, faq=(), paa=()), language=name)
    assert list(language.wrong_language(material)) == []


def test_an_english_article_that_was_asked_for_in_german_is_wrong_throughout(make):
    found = list(language.wrong_language(msgspec.structs.replace(make.material(), language="de")))
    assert "opening" in {finding.where for finding in found}


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("Pedal Palace sells chains too.", True),
        ("At PEDAL PALACE, chains are dear.", True),
        ("They write so on chainworks.example too.", True),
        ("Pedal Palaces are no shops.", False),
    ],
)
def test_a_competitor_that_is_named(make, text, named):
    material = rivals(make, with_sentence(make, text), "Pedal Palace", "https://www.chainworks.example/shop")
    assert critical(competition.competitor_mentions, material) == ["competitor_mention"] * named


def test_a_competitor_in_a_table_or_a_question(make):
    table = Table(caption="Prices", header=("Shop",), rows=(("Pedal Palace",),), source_ids=("s1",))
    sections = (Section(heading="Prices", blocks=(table,)),)
    item = QuestionAnswer(question="Is Pedal Palace dear?", answer=(make.sentence("It depends."),))
    material = make.material(draft=make.draft(sections=sections, faq=(), paa=()), faq=(item,))
    assert len(critical(competition.competitor_mentions, rivals(make, material, "Pedal Palace"))) == 2


def test_a_company_is_not_its_own_competitor(make):
    name = make.company().name
    material = rivals(make, with_sentence(make, f"{name} oils chains."), name)
    assert critical(competition.competitor_mentions, material) == []


@pytest.mark.parametrize(
    ("text", "invented"),
    [
        ("See https://elsewhere.example/x for more.", True),
        ("See www.elsewhere.example for more.", True),
        ("See https://workshop.example/made-up for more.", False),
        ("See www.source.example, they measured.", False),
    ],
)
def test_an_address_in_a_text(make, text, invented):
    material = msgspec.structs.replace(
        with_sentence(make, text), source_urls=frozenset({"https://source.example/a"})
    )
    assert critical(links.invented_links, material) == ["invented_link"] * invented


def test_the_companys_own_page_and_a_competitors_among_other_sources(make):
    elsewhere = [make.source(f"s{n}", "x", url=f"https://{n}.example/", kind="web") for n in (3, 4, 5)]
    sources = (make.source("s1", "x"), make.source("s2", "x", url="https://rival.example/a"), *elsewhere)
    company = make.company(competitors=("rival.example",))
    material = gathered(make.article(), make.request(), company, sources)
    assert critical(links.unfit_citations, material) == ["unfit_citation", "unfit_citation"]
    alone = gathered(make.article(), make.request(), make.company(), sources[:1])
    assert critical(links.unfit_citations, alone) == []


def test_sections_that_say_the_same_in_another_order(make):
    first, *others = make.sections()
    (block,) = first.blocks
    turned = Section(heading="Other words", blocks=(Paragraph(sentences=block.sentences[::-1]),))
    material = make.material(draft=make.draft(sections=(first, turned, *others), faq=(), paa=()))
    assert critical(repetition.duplicate_sections, material) == ["duplicate_section"]
