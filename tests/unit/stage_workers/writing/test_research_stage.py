import pytest

from contracts.jobs import ArticleRequest
from contracts.stages import CompanyOutput, ResearchInput, SitePage
from stage_workers.errors import Permanent, Transient
from stage_workers.extractive import brief
from stage_workers.outcome import Done, Fail
from stage_workers.stages import research
from stage_workers.tasks import SelectedQuotes, WriteBrief
from stage_workers.wording import contains

HOME = "https://workshop.example/"
CHAIN, FAQ = f"{HOME}guides/bicycle-chain", f"{HOME}faq"


def wanted(**more):
    request = ArticleRequest(**({"primary_keyword": "bicycle chain", "company_url": HOME} | more))
    pages = tuple(SitePage(url=url, title="page") for url in (HOME, CHAIN, FAQ))
    pages += (SitePage(url=f"{HOME}legal", title="Legal", kind="legal"),)
    company = CompanyOutput(name="Workshop", url=HOME, language="en", country="US", pages=pages)
    plan = brief.plan(WriteBrief(request=request, company=company, rules=()))
    return ResearchInput(request=request, company=company, brief=plan)


async def test_sources_are_pages_whose_quotes_stand_on_them(make):
    ctx = make.Context(make.Site(make.bicycle_pages()))
    outcome = await research.run(wanted(), ctx)
    assert isinstance(outcome, Done)
    sources = outcome.output.sources
    assert [source.source_id for source in sources] == ["s1", "s2", "s3"]
    assert {source.url for source in sources} == {HOME, CHAIN, FAQ}
    assert {source.kind for source in sources} == {"company"}
    for source in sources:
        text = ctx.fetcher.pages[source.url].text
        assert source.quotes
        assert all(contains(text, quote.text) and quote.heading for quote in source.quotes)
    assert f"{HOME}legal" not in ctx.fetcher.fetched


async def test_at_least_twenty_searches_are_made_and_told(make):
    ctx = make.Context(make.Site(make.bicycle_pages()))
    outcome = await research.run(wanted(), ctx)
    assert outcome.output.searches == len(ctx.search.queries) >= 20
    assert len(set(ctx.search.queries)) == len(ctx.search.queries)
    total = outcome.output.searches
    assert (f"search 2 of {total}: {ctx.search.queries[1]}", 1, total) in ctx.messages


async def test_a_second_attempt_searches_and_reads_nothing_again(make):
    ctx = make.Context(make.Site(make.bicycle_pages()))
    first = await research.run(wanted(), ctx)
    searches, reads = len(ctx.search.queries), len(ctx.fetcher.fetched)
    assert await research.run(wanted(), ctx) == first
    assert (len(ctx.search.queries), len(ctx.fetcher.fetched)) == (searches, reads)


async def test_pages_that_the_client_names_are_read_first_and_called_given(make):
    other = make.page("levain", url="https://bread.example/levain")
    ctx = make.Context(make.Site((*make.bicycle_pages(), other)))
    outcome = await research.run(wanted(source_urls=("https://bread.example/levain#top",)), ctx)
    kinds = {source.url: source.kind for source in outcome.output.sources}
    assert kinds["https://bread.example/levain"] == "given"
    assert ctx.fetcher.fetched[0] == "https://bread.example/levain"


async def test_pages_found_elsewhere_are_called_web(make):
    other = make.page("levain", url="https://bread.example/levain")
    ctx = make.Context(make.Site((*make.bicycle_pages(), other)), make.Search((other.url,)))
    outcome = await research.run(wanted(), ctx)
    assert {source.url: source.kind for source in outcome.output.sources}[other.url] == "web"


async def test_authorities_of_the_readers_country_are_read_before_other_pages(make):
    others = tuple(f"https://shop{number}.example/chain" for number in range(20))
    authority = "https://www.cpsc.gov/bicycle-chains"
    site = make.Site((*make.bicycle_pages(), make.page("levain", url=authority)))

    class Web(make.Search):
        async def search(self, query, **more):
            self.urls = others[:7] if "1" in query else (*others[:7], authority)
            return await super().search(query, **more)

    await research.run(wanted(), make.Context(site, Web()))
    assert site.fetched[0] == authority
    abroad = make.Site((*make.bicycle_pages(), make.page("levain", url=authority)))
    await research.run(wanted(language="de", country="DE"), make.Context(abroad, Web()))
    assert abroad.fetched[0] == others[0]


async def test_unreachable_pages_are_noted(make):
    site = make.Site(make.bicycle_pages(), failures={FAQ: ("timeout", True)})
    outcome = await research.run(wanted(), make.Context(site))
    assert any(FAQ in note and "timeout" in note for note in outcome.output.notes)


async def test_words_that_two_pages_share_belong_to_the_first(make):
    copy = make.page("bicycle-chain", url="https://copy.example/chain")
    ctx = make.Context(make.Site((*make.bicycle_pages(), copy)), make.Search((CHAIN, copy.url)))
    outcome = await research.run(wanted(), ctx)
    assert copy.url not in {source.url for source in outcome.output.sources}


async def test_words_that_are_not_on_the_page_are_dropped(make):
    class Liar:
        name = "liar"

        async def perform(self, task):
            return SelectedQuotes(quotes=("A chain lasts a hundred years.", task.page.title))

    ctx = make.Context(make.Site(make.bicycle_pages()), model=Liar())
    outcome = await research.run(wanted(), ctx)
    quoted = {quote.text for source in outcome.output.sources for quote in source.quotes}
    assert quoted
    assert "A chain lasts a hundred years." not in quoted


async def test_without_any_readable_page_the_stage_fails_and_says_why(make):
    outcome = await research.run(wanted(), make.Context(make.Site(failures={HOME: ("timeout", True)})))
    assert isinstance(outcome, Fail)
    assert outcome.code == "no_sources"
    assert "timeout" in outcome.reason


async def test_a_search_engine_that_never_answers_is_tried_again_later(make):
    search = make.Search(problem=Transient("search_timeout", "no answer in 10 s"))
    with pytest.raises(Transient, match="no answer"):
        await research.run(wanted(), make.Context(make.Site(make.bicycle_pages()), search))


async def test_single_searches_that_fail_are_noted(make):
    class Flaky(make.Search):
        async def search(self, query, **more):
            if "cost" in query:
                raise Transient("search_timeout", "no answer in 10 s")
            return await super().search(query, **more)

    outcome = await research.run(wanted(), make.Context(make.Site(make.bicycle_pages()), Flaky()))
    assert "searches failed: no answer in 10 s" in outcome.output.notes[0]


async def test_a_search_that_the_engine_refuses_is_noted_and_a_refused_key_ends_it(make):
    class Strict(make.Search):
        async def search(self, query, **more):
            if "cost" in query:
                raise Permanent("search_request", "searxng answered 400")
            return await super().search(query, **more)

    outcome = await research.run(wanted(), make.Context(make.Site(make.bicycle_pages()), Strict()))
    assert "searches failed: searxng answered 400" in outcome.output.notes[0]
    keyless = make.Search(problem=Permanent("search_key", "brave answered 401"))
    with pytest.raises(Permanent, match="401"):
        await research.run(wanted(), make.Context(make.Site(make.bicycle_pages()), keyless))
    assert len(keyless.queries) == 1


async def test_engines_are_told_who_reads_and_documents_are_read_too(make):
    told = set()

    class Local(make.Search):
        async def search(self, query, *, language, country, **more):
            told.add((language, country))
            return await super().search(query, **more)

    site = make.Site(make.bicycle_pages())
    await research.run(wanted(), make.Context(site, Local(urls=("https://other.example/chains.pdf",))))
    assert told == {("en", "US")}
    assert "https://other.example/chains.pdf" in site.fetched
