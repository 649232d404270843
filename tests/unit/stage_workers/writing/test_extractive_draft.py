import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.articles import BulletList, Finding, Paragraph, RoundReport, Table
from stage_workers.errors import Permanent
from stage_workers.extractive.draft import compose
from stage_workers.wording import bare, contains, word_count

CASES = [
    ("bicycle chain", ("bicycle-home", "bicycle-chain", "bicycle-faq"), "en"),
    ("Regenwasser", ("regenwasser",), "de"),
    ("pain au levain", ("levain",), "fr"),
    ("fermentation", ("levain",), "fr"),
    ("bicycle lubrication", ("bicycle-chain", "bicycle-faq"), "en"),
]


@pytest.fixture(params=CASES, ids=[case[0] for case in CASES])
def task(request, make):
    keyword, names, language = request.param
    return make.write_draft(keyword, [make.page(name) for name in names], language)


def assert_verbatim(draft, task, make):
    by_id = {source.source_id: source for source in task.sources}
    for sentence in make.every_sentence(draft):
        if sentence.connective:
            assert not sentence.source_ids
            continue
        assert sentence.source_ids, sentence
        for source_id in sentence.source_ids:
            texts = [bare(quote.text) for quote in by_id[source_id].quotes]
            assert any(bare(sentence.text) in text for text in texts), sentence


def test_every_claim_stands_word_for_word_in_its_source(task, make):
    assert_verbatim(compose(task, "extractive"), task, make)


def test_cells_of_tables_stand_in_their_source(make):
    task = make.write_draft("bicycle chain", make.bicycle_pages())
    draft = compose(task, "extractive")
    tables = [block for section in draft.sections for block in section.blocks if isinstance(block, Table)]
    assert tables
    by_id = {source.source_id: source for source in task.sources}
    for table in tables:
        text = "\n".join(quote.text for quote in by_id[table.source_ids[0]].quotes)
        assert all(contains(text, cell) for row in (table.header, *table.rows) for cell in row)


def test_no_sentence_stands_in_the_article_twice(task, make):
    texts = [sentence.text for sentence in make.every_sentence(compose(task, "extractive"))]
    assert len(texts) == len(set(texts))


def test_no_heading_and_no_question_is_repeated(task):
    draft = compose(task, "extractive")
    asked = [section.heading for section in draft.sections]
    asked += [item.question for item in (*draft.faq, *draft.paa)]
    assert len(asked) == len(set(asked))


def test_the_direct_answer_has_forty_to_sixty_words_and_names_the_keyword(task):
    draft = compose(task, "extractive")
    text = " ".join(sentence.text for sentence in draft.direct_answer)
    assert 40 <= word_count(text) <= 60
    assert task.request.primary_keyword.casefold() in text.casefold()


def test_a_keyword_that_no_page_covers_is_not_claimed_to_be_covered(make):
    draft = compose(make.write_draft("bicycle lubrication", make.bicycle_pages()), "extractive")
    assert draft.direct_answer[0].connective
    assert draft.direct_answer[0].text.startswith("The pages do not speak of “bicycle lubrication”")
    assert all(not sentence.connective for sentence in draft.direct_answer[1:])
    assert draft.headline == "Bicycle lubrication: related answers"
    assert "No page" in draft.teaser


def test_the_teaser_counts_the_pages_that_are_cited(make):
    pages = [*make.bicycle_pages(), make.page("levain", "levain")]
    draft = compose(make.write_draft("bicycle chain", pages), "extractive")
    cited = {source_id for sentence in make.every_sentence(draft) for source_id in sentence.source_ids}
    assert len(cited) == 3
    assert "3 pages" in draft.teaser


def test_headlines_fit_and_paragraphs_are_short(task):
    draft = compose(task, "extractive")
    assert 0 < len(draft.headline) <= 70
    for section in draft.sections:
        assert section.blocks
        for block in section.blocks:
            if isinstance(block, Paragraph):
                assert sum(word_count(sentence.text) for sentence in block.sentences) <= 150


def test_a_site_with_enough_to_say_gets_all_parts(make):
    draft = compose(make.write_draft("bicycle chain", make.bicycle_pages()), "extractive")
    assert 4 <= len(draft.sections) <= 9
    assert 3 <= len(draft.paa) <= 4
    assert 5 <= len(draft.faq) <= 6
    assert any(isinstance(block, BulletList) for section in draft.sections for block in section.blocks)
    assert draft.generator == "extractive"


def test_text_about_the_web_page_itself_is_left_out(make):
    draft = compose(make.write_draft("bicycle chain", make.bicycle_pages()), "extractive")
    text = " ".join(sentence.text for sentence in make.every_sentence(draft)).casefold()
    assert "newsletter" not in text
    assert "workshop hand" not in text


def test_the_same_task_gives_the_same_article(task):
    assert compose(task, "extractive") == compose(task, "extractive")


def test_more_words_are_written_when_more_are_asked_for(make):
    def length(words):
        draft = compose(
            make.write_draft("bicycle chain", make.bicycle_pages(), word_count=words), "extractive"
        )
        return sum(word_count(sentence.text) for sentence in make.body_sentences(draft))

    assert length(1500) > length(300)


def test_a_page_of_two_sentences_is_refused_with_the_reason(make):
    with pytest.raises(Permanent) as refused:
        compose(make.write_draft("candles", [make.page("tiny")]), "extractive")
    assert refused.value.code == "too_little_material"
    assert "2 usable sentences" in refused.value.reason


def test_a_keyword_that_no_page_mentions_is_refused(make):
    with pytest.raises(Permanent, match="quantum gravity") as refused:
        compose(make.write_draft("quantum gravity", make.bicycle_pages()), "extractive")
    assert refused.value.code == "keyword_not_covered"


def test_pages_of_others_are_quoted_shortly_and_by_name(make):
    pages = [make.page("bicycle-chain", url="https://other.example/chain")]
    task = make.write_draft("bicycle chain", pages)
    assert {source.kind for source in task.sources} == {"web"}
    draft = compose(task, "extractive")
    for section in draft.sections:
        first = section.blocks[0].sentences[0]
        assert first.connective
        assert task.sources[0].title in first.text
        paragraphs = [block for block in section.blocks if isinstance(block, Paragraph)]
        assert all(len(block.sentences) <= 2 for block in paragraphs)
    assert "1 sources" not in draft.teaser


def report(code, where=""):
    finding = Finding(code=code, message=code, where=where)
    return RoundReport(round=1, score=50, passed=False, findings=(finding,))


def test_a_finding_on_the_direct_answer_brings_another_one(make):
    pages = make.bicycle_pages()
    first = compose(make.write_draft("bicycle chain", pages), "extractive")
    second = compose(
        make.write_draft("bicycle chain", pages, rounds=(report("direct_answer_keyword"),)), "extractive"
    )
    assert first.direct_answer != second.direct_answer


def test_a_sentence_that_a_finding_names_is_left_out(make):
    pages = make.bicycle_pages()
    first = compose(make.write_draft("bicycle chain", pages), "extractive")
    named = next(make.body_sentences(first)).text
    task = make.write_draft("bicycle chain", pages, rounds=(report("quote_missing", where=named),))
    second = compose(task, "extractive")
    assert named not in {sentence.text for sentence in make.every_sentence(second)}
    assert_verbatim(second, task, make)


def test_a_section_that_a_finding_names_is_left_out(make):
    pages = make.bicycle_pages()
    first = compose(make.write_draft("bicycle chain", pages), "extractive")
    named = first.sections[0].heading
    task = make.write_draft("bicycle chain", pages, rounds=(report("duplicate_section", where=named),))
    assert named not in {section.heading for section in compose(task, "extractive").sections}


def test_list_items_do_not_end_in_what_joined_them(make):
    original = make.page("bicycle-chain")
    text = original.text.replace("a stiff brush and an old rag", "a stiff brush and a rag;")
    text = text.replace("with a thin nozzle", "with a thin nozzle,").replace(
        "shows the wear", "shows the wear, and"
    )
    draft = compose(make.write_draft("bicycle chain", [make.page("bicycle-chain", text=text)]), "extractive")
    (items,) = (
        block.items for part in draft.sections for block in part.blocks if isinstance(block, BulletList)
    )
    assert [item.text for item in items] == [
        "a stiff brush and a rag",
        "a bottle of chain oil with a thin nozzle",
        "a chain gauge that shows the wear",
        "a chain tool for opening the links",
    ]


def test_the_direct_answer_is_cut_out_of_a_long_paragraph(make):
    text = "# Chain\n\n" + make.page("bicycle-chain").text.replace("\n\n", " ").replace("#", "")
    draft = compose(make.write_draft("chain", [make.page("tiny", text=text)]), "extractive")
    assert 40 <= sum(word_count(each.text) for each in draft.direct_answer) <= 60


words = st.sampled_from(
    [
        "chain",
        "oil",
        "wheel",
        "brake",
        "it",
        "this",
        "heat",
        "costs",
        "rain",
        "The",
        "A",
        "dry",
        "clean",
        "wears",
        "and",
    ]
)
sentence = st.lists(words, min_size=3, max_size=14).map(lambda found: " ".join(found).capitalize() + ".")
paragraph = st.lists(sentence, min_size=1, max_size=5).map(" ".join)
heading = st.lists(words, min_size=1, max_size=5).map(lambda found: "## " + " ".join(found))
markdown = st.lists(
    st.one_of(
        paragraph, heading, st.lists(sentence, min_size=2, max_size=4).map(lambda i: "- " + "\n- ".join(i))
    ),
    min_size=4,
    max_size=25,
).map("\n\n".join)


@settings(max_examples=40, deadline=None)
@given(text=markdown, keyword=st.lists(words, min_size=1, max_size=2).map(" ".join))
def test_whatever_a_page_says_nothing_is_invented_or_repeated(text, keyword, make):
    task = make.write_draft(keyword, [make.page("tiny", text=text)])
    try:
        draft = compose(task, "extractive")
    except Permanent as refused:
        assert refused.code in {"too_little_material", "keyword_not_covered"}  # noqa: PT017 - either outcome is right
        return
    assert_verbatim(draft, task, make)
    texts = [each.text for each in make.every_sentence(draft)]
    assert len(texts) == len(set(texts))
    assert sum(word_count(each.text) for each in draft.direct_answer) <= 60
