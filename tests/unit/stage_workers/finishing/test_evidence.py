"""What an article may stand on: no competitor, no private address, not the company itself beside others."""

import msgspec
import pytest

from contracts.articles import Sentence
from contracts.stages import CitationsInput, ResearchOutput
from stage_workers.adapters.fakes import FakeContext, MemoryPages
from stage_workers.assembly import assemble
from stage_workers.errors import FetchFailed
from stage_workers.evidence import evidence, is_private, normal, stands
from stage_workers.site.competitors import given, of_entries
from stage_workers.stages import citations

CLEAN = "A bicycle chain lasts longest when it is clean, lightly oiled and replaced in time."
RUST = "Water under the oil film is the most common cause of rust."


def web(make, name, *quotes, url=None):
    return make.source(name, *quotes, url=url or f"https://{name}.example/page", kind="web")


def ids(sources):
    return [source.source_id for source in sources]


@pytest.mark.parametrize(("outside", "own"), [(0, True), (2, True), (3, False), (4, False)])
def test_the_companys_own_pages_are_evidence_only_while_others_are_few(make, outside, own):
    others = [web(make, f"w{n}", CLEAN) for n in range(outside)]
    kept = ids(evidence((make.source("s1", CLEAN), *others), make.company()))
    assert ("s1" in kept) is own
    assert [name for name in kept if name != "s1"] == ids(others)


@pytest.mark.parametrize("kind", ["web", "given"])
def test_a_competitors_page_is_never_evidence(make, kind):
    company = make.company(competitors=("Rival Inc", "rival.example"))
    rival = make.source("s2", CLEAN, url="https://shop.rival.example/a", kind=kind)
    assert ids(evidence((make.source("s1", CLEAN), rival), company)) == ["s1"]


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/a",
        "http://10.0.0.8:8080/",
        "http://[::1]/",
        "http://localhost/a",
        "http://a.internal/",
        "http://169.254.169.254/latest/meta-data/",
    ],
)
def test_a_private_address_is_evidence_only_for_a_site_that_is_private_itself(make, url):
    source = web(make, "s2", CLEAN, url=url)
    assert is_private(url)
    assert evidence((source,), make.company()) == ()
    assert evidence((source,), make.company(url="http://127.0.0.1:8000/")) == (source,)


@pytest.mark.parametrize(
    "url", ["https://93.184.216.34/", "https://workshop.example/", "http://local.example/"]
)
def test_a_public_address(url):
    assert not is_private(url)


@pytest.mark.parametrize(
    ("words", "page", "there"),
    [
        ("It’s the “oil film” – mostly.", 'It\'s the "oil film" - mostly.', True),
        ("a co\u00adoperative effort", "a cooperative\u00a0effort", True),
        ("The ﬁlm saves 40 % of it.", "The film saves 40% of it.", True),
        ("It saves 40 % of the oil in a year of riding in the rain.", "It saves 90 % of the oil in a year of riding in the rain.", False),
        ("It costs 40 $ a year.", "It costs 40 € a year.", False),
        ("It never rusts in winter.", "It rusts in winter.", False),
        ("oil", "boiling", False),
        ("…", "anything", False),
    ],
)  # fmt: skip
def test_typography_may_differ_words_and_numbers_may_not(words, page, there):
    assert stands(words, normal(page)) is there


def test_competitors_come_as_names_hosts_addresses_and_objects():
    value = [
        "Pedal Palace",
        "www.Chainworks.example",
        {"name": "Cogs", "url": "https://cogs.example/de"},
        7,
        " ",
    ]
    found = of_entries(given(value))
    assert (found.names, found.hosts) == (("Pedal Palace", "Cogs"), ("chainworks.example", "cogs.example"))
    assert of_entries(given("A Firm, B Firm")).names == ("A Firm", "B Firm")
    assert of_entries(given(None)).names == ()
    assert not found.own("https://notcogs.example/")


async def verified(make, claim, sources, pages, company=None):
    bare = {"intro": (), "sections": (), "takeaways": (), "faq": (), "paa": ()}
    inp = CitationsInput(
        request=make.request(),
        company=company or make.company(),
        research=ResearchOutput(sources=tuple(sources), searches=20, pages_read=2),
        draft=make.draft(direct_answer=(claim,), **bare),
    )
    ctx = FakeContext(fetcher=MemoryPages(pages))
    return (await citations.run(inp, ctx)).output, ctx


@pytest.mark.parametrize("dead", [True, False])
async def test_a_claim_moves_from_a_dead_or_unrelated_source_to_one_that_says_it(make, dead):
    one, two = web(make, "s1", CLEAN), web(make, "s2", CLEAN, RUST)
    pages = {two.url: make.page(two.url, f"{RUST}\n\n{CLEAN}")}
    pages |= {} if dead else {one.url: make.page(one.url, CLEAN)}
    output, _ = await verified(make, make.sentence(RUST, "s1"), (one, two), pages)
    (moved,) = output.replaced
    assert (moved.text, moved.source_ids, moved.url) == (RUST, ("s2",), one.url)
    assert output.dropped == ()
    assert output.citations[0].source_id == "s2"


async def test_a_claim_that_no_other_source_says_is_dropped(make):
    one, two = web(make, "s1", RUST), web(make, "s2", CLEAN)
    output, _ = await verified(
        make, make.sentence(RUST, "s1"), (one, two), {two.url: make.page(two.url, CLEAN)}
    )
    assert output.replaced == ()
    assert [claim.reason for claim in output.dropped] == ["the source can no longer be read"]


async def test_of_two_sources_only_the_one_that_says_it_is_cited(make):
    one, two = web(make, "s1", RUST), web(make, "s2", CLEAN)
    pages = {one.url: make.page(one.url, RUST), two.url: make.page(two.url, CLEAN)}
    output, _ = await verified(make, make.sentence(RUST, "s1", "s2"), (one, two), pages)
    assert [moved.source_ids for moved in output.replaced] == [("s1",)]


async def test_a_competitors_page_is_not_even_read_and_its_claim_moves(make):
    one, two = web(make, "s1", CLEAN, url="https://rival.example/a"), web(make, "s2", CLEAN)
    pages = {source.url: make.page(source.url, CLEAN) for source in (one, two)}
    company = make.company(competitors=("rival.example",))
    output, ctx = await verified(make, make.sentence(CLEAN, "s1"), (one, two), pages, company)
    assert ctx.fetcher.fetched == [two.url]
    assert [citation.source_id for citation in output.citations] == ["s2"]


async def test_a_redirect_to_a_competitor_is_no_source(make):
    one = web(make, "s1", CLEAN)
    pages = {one.url: make.page("https://rival.example/bought", CLEAN)}
    company = make.company(competitors=("rival.example",))
    output, _ = await verified(make, make.sentence(CLEAN, "s1"), (one,), pages, company)
    assert output.citations == ()
    assert [claim.reason for claim in output.dropped] == ["the source is a competitor's page"]


async def test_claims_on_the_companys_own_pages_move_to_the_others(make):
    own = make.source("s1", CLEAN)
    others = [web(make, name, CLEAN) for name in ("s2", "s3", "s4")]
    pages = {source.url: make.page(source.url, CLEAN) for source in (own, *others)}
    output, _ = await verified(make, make.sentence(CLEAN, "s1"), (own, *others), pages)
    assert [moved.source_ids for moved in output.replaced] == [("s2",)]
    assert "own pages are no evidence" in output.replaced[0].reason
    assert "s1" not in {citation.source_id for citation in output.citations}


def test_the_assembled_article_cites_what_the_claim_moved_to(make):
    given_input = make.quality_input()
    claim = given_input.draft.direct_answer[0]
    moved = citations.ReplacedSource(text=claim.text, source_ids=("s2",))
    checked = msgspec.structs.replace(given_input.citations, replaced=(moved,))
    article = assemble(msgspec.structs.replace(given_input, citations=checked))
    assert article.draft.direct_answer[0] == Sentence(text=claim.text, source_ids=("s2",))
    assert [citation.source_id for citation in article.citations] == ["s2", "s1"]


@pytest.mark.parametrize(
    "code",
    [
        "blocked_address",
        "http_404",
        "http_503",
        "timeout",
        "soft_404",
        "too_large",
        "too_many_redirects",
        "invalid_url",
        "dns",
    ],
)
async def test_a_source_that_cannot_be_read_gives_way_whatever_the_reason(make, code):
    one, two = web(make, "s1", RUST), web(make, "s2", RUST)
    gone = FetchFailed(one.url, code, "gone", transient=code in {"timeout", "http_503"})
    pages = {one.url: gone, two.url: make.page(two.url, RUST)}
    output, _ = await verified(make, make.sentence(RUST, "s1"), (one, two), pages)
    assert [(moved.source_ids, moved.reason) for moved in output.replaced] == [
        (("s2",), "the source can no longer be read")
    ]


async def test_a_page_that_became_an_error_with_status_200_is_no_source(make):
    one = web(make, "s1", RUST)
    pages = {one.url: make.page(one.url, "# Page not found\n\nTry the search.")}
    output, _ = await verified(make, make.sentence(RUST, "s1"), (one,), pages)
    assert output.citations == ()
    assert [claim.reason for claim in output.dropped] == ["the source can no longer be read"]
