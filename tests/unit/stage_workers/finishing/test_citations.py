"""Sources are read again: what is dead or does not say so is dropped, what is left has numbers without holes."""

import pytest

from contracts.articles import Section, Table
from contracts.stages import CitationsInput, ResearchOutput
from stage_workers.adapters.fakes import FakeContext, MemoryPages
from stage_workers.errors import FetchFailed
from stage_workers.outcome import Done, Retry
from stage_workers.stages import citations

CLEAN = (
    "A bicycle chain lasts longest when it is clean, lightly oiled and replaced before it stretches too far."
)
WIPE = "Wiping it after every wet ride takes one minute."
RUST = "Water under the oil film is the most common cause of rust."


def written(make, *sentences, **more):
    bare = {"intro": (), "sections": (), "takeaways": (), "faq": (), "paa": ()}
    return make.draft(direct_answer=sentences, **(bare | more))


async def verified(make, draft, sources, pages):
    inp = CitationsInput(
        request=make.request(),
        company=make.company(),
        research=ResearchOutput(sources=tuple(sources), searches=20, pages_read=2),
        draft=draft,
    )
    return await citations.run(inp, FakeContext(fetcher=MemoryPages(pages)))


async def test_sources_that_still_say_so_are_numbered_by_use(make):
    one, two = make.source("s1", CLEAN), make.source("s2", RUST)
    pages = {one.url: make.page(one.url, f"# T\n\n{CLEAN}"), two.url: make.page(two.url, f"# T\n\n{RUST}")}
    draft = written(make, make.sentence(RUST, "s2"), make.sentence(CLEAN, "s1"))
    outcome = await verified(make, draft, (one, two), pages)
    assert isinstance(outcome, Done)
    assert outcome.output.dropped == ()
    assert [(c.number, c.source_id, c.quote) for c in outcome.output.citations] == [
        (1, "s2", RUST),
        (2, "s1", CLEAN),
    ]


async def test_a_dead_page_takes_its_claims_along_and_leaves_no_hole(make):
    one, two, three = make.source("s1", CLEAN), make.source("s2", RUST), make.source("s3", WIPE)
    pages = {one.url: make.page(one.url, CLEAN), three.url: make.page(three.url, WIPE)}
    draft = written(make, make.sentence(CLEAN, "s1"), make.sentence(RUST, "s2"), make.sentence(WIPE, "s3"))
    output = (await verified(make, draft, (one, two, three), pages)).output
    assert [(claim.text, claim.url, claim.reason) for claim in output.dropped] == [
        (RUST, two.url, "the source can no longer be read")
    ]
    assert [(c.number, c.source_id) for c in output.citations] == [(1, "s1"), (2, "s3")]


async def test_a_claim_that_another_of_its_sources_backs_stays(make):
    one, two = make.source("s1", CLEAN), make.source("s2", CLEAN)
    output = (
        await verified(
            make,
            written(make, make.sentence(CLEAN, "s1", "s2")),
            (one, two),
            {two.url: make.page(two.url, CLEAN)},
        )
    ).output
    assert output.dropped == ()
    assert [c.source_id for c in output.citations] == ["s2"]


async def test_a_page_that_moved_is_cited_where_it_is(make):
    one = make.source("s1", CLEAN)
    pages = {one.url: make.page(f"{make.site}/new", CLEAN)}
    output = (await verified(make, written(make, make.sentence(CLEAN, "s1")), (one,), pages)).output
    assert output.citations[0].url == f"{make.site}/new"


async def test_a_quote_that_is_not_on_the_page_drops_source_and_claim(make):
    one = make.source("s1", "Chains last a hundred years, says the page.")
    draft = written(make, make.sentence("Chains last a hundred years, says the page.", "s1"))
    output = (await verified(make, draft, (one,), {one.url: make.page(one.url, CLEAN)})).output
    assert output.citations == ()
    assert [claim.reason for claim in output.dropped] == ["the source does not say so"]


@pytest.mark.parametrize(
    ("text", "stays"),
    [
        (CLEAN, True),
        (CLEAN.replace("it is", "it  is"), True),
        (
            "A bicycle chain lasts longest when clean and lightly oiled and replaced before it stretches.",
            True,
        ),
        ("The moon is made of green cheese and every engineer knows that well.", False),
        ("Bicycle saddles are made of leather in most countries of the world today.", False),
    ],
)
async def test_a_claim_stands_on_its_words_or_on_a_quote_about_the_same(make, text, stays):
    one = make.source("s1", CLEAN)
    output = (
        await verified(
            make,
            written(make, make.sentence(text, "s1")),
            (one,),
            {one.url: make.page(one.url, f"{CLEAN}\n\n{RUST}")},
        )
    ).output
    assert (output.dropped == ()) is stays


async def test_typography_may_differ_words_may_not(make):
    said = "It’s the “oil film” that counts — keep it thin, and wipe the rest of it off the outer plates."
    plain = 'It\'s the "oil film" that counts - keep it thin, and wipe the rest of it off the outer plates.'
    one = make.source("s1", said)
    page = {one.url: make.page(one.url, plain)}
    assert (await verified(make, written(make, make.sentence(said, "s1")), (one,), page)).output.dropped == ()


async def test_claims_without_sources_and_connectives(make):
    one = make.source("s1", CLEAN)
    draft = written(
        make,
        make.sentence("What do the pages say?", connective=True),
        make.sentence(CLEAN, "s1"),
        make.sentence("Made up.", "s7"),
    )
    output = (await verified(make, draft, (one,), {one.url: make.page(one.url, CLEAN)})).output
    assert [claim.text for claim in output.dropped] == ["Made up."]


async def test_a_table_stands_on_its_page_or_goes(make):
    rows = (("Below 0.5", "Oil it"), ("Above 0.75", "Replace it"))
    true = Table(caption="", header=("Wear", "What to do"), rows=rows, source_ids=("s1",))
    false = Table(
        caption="",
        header=("Moon", "Cheese"),
        rows=(("Green", "Always"), ("Blue", "Never")),
        source_ids=("s1",),
    )
    loose = Table(caption="", header=("Wear", "What to do"), rows=rows)
    text = "| Wear | What to do |\n|---|---|\n| Below 0.5 | Oil it |\n| Above 0.75 | Replace it |"
    one = make.source("s1", text)
    sections = (Section(heading="A", blocks=(true, false, loose)),)
    output = (
        await verified(
            make, written(make, sections=sections), (one,), {one.url: make.page(one.url, f"# T\n\n{text}")}
        )
    ).output
    assert [c.source_id for c in output.citations] == ["s1"]
    assert [claim.reason for claim in output.dropped] == ["the source does not say so", "names no source"]


async def test_sources_that_the_draft_does_not_use_come_last_for_the_faq(make):
    one, two = make.source("s1", CLEAN), make.source("s2", RUST)
    pages = {one.url: make.page(one.url, CLEAN), two.url: make.page(two.url, RUST)}
    output = (await verified(make, written(make, make.sentence(RUST, "s2")), (one, two), pages)).output
    assert [c.source_id for c in output.citations] == ["s2", "s1"]


@pytest.mark.parametrize(("transient", "kind"), [(True, Retry), (False, Done)])
async def test_sources_that_are_all_away_are_waited_for_only_when_they_may_come_back(make, transient, kind):
    one = make.source("s1", CLEAN)
    away = FetchFailed(one.url, "timeout" if transient else "http_404", "away", transient=transient)
    outcome = await verified(make, written(make, make.sentence(CLEAN, "s1")), (one,), {one.url: away})
    assert isinstance(outcome, kind)
    if isinstance(outcome, Done):
        assert outcome.output.citations == ()
        assert [claim.text for claim in outcome.output.dropped] == [CLEAN]


async def test_one_source_that_is_away_for_now_holds_nobody_up(make):
    one, two = make.source("s1", CLEAN), make.source("s2", RUST)
    pages = {
        one.url: make.page(one.url, CLEAN),
        two.url: FetchFailed(two.url, "timeout", "away", transient=True),
    }
    output = (
        await verified(
            make, written(make, make.sentence(CLEAN, "s1"), make.sentence(RUST, "s2")), (one, two), pages
        )
    ).output
    assert [c.source_id for c in output.citations] == ["s1"]
    assert [claim.text for claim in output.dropped] == [RUST]
