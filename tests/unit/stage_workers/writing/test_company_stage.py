import pytest

from contracts.jobs import ArticleRequest
from contracts.stages import CompanyInput
from stage_workers.outcome import Done, Fail, Retry
from stage_workers.stages import company

HOME = "https://workshop.example/"
GRAPH = {
    "@context": "https://schema.org",
    "@graph": [
        {
            "@type": "LocalBusiness",
            "name": "Rolling Hill Workshop",
            "description": "Repairs everyday bicycles.",
        },
        {"@type": "Article", "author": {"@type": "Person", "name": "Ada Pumpfield", "url": "/team#ada"}},
    ],
}


def wanted(**more):
    return CompanyInput(
        request=ArticleRequest(**({"primary_keyword": "bicycle chain", "company_url": HOME} | more))
    )


def site(make, **more):
    pages = (
        make.page(
            "bicycle-home",
            "",
            json_ld=(GRAPH,),
            site_name="Rolling Hill",
            links=(f"{HOME}legal", f"{HOME}a.pdf"),
        ),
        make.page("bicycle-chain", "guides/bicycle-chain", author="Ada Pumpfield"),
        make.page("bicycle-faq", "faq"),
        make.page("bicycle-home", "services"),
    )
    defaults = {
        "mapped": (f"{HOME}guides/bicycle-chain", f"{HOME}faq", f"{HOME}services", "https://other.example/x")
    }
    return make.Site(pages, **(defaults | more))


async def test_the_company_is_what_its_site_says(make):
    ctx = make.Context(site(make))
    outcome = await company.run(wanted(country="GB"), ctx)
    assert isinstance(outcome, Done)
    found = outcome.output
    assert found.name == "Rolling Hill Workshop"
    assert found.description == "Repairs everyday bicycles."
    assert (found.language, found.country) == ("en", "GB")
    assert [(author.name, author.url) for author in found.authors] == [("Ada Pumpfield", f"{HOME}team#ada")]
    assert found.offers == ("Yearly service", "Chain and sprockets", "Wheel building")
    assert "How often should you clean the chain?" in found.headings
    assert ctx.messages


async def test_pages_are_those_that_exist_each_with_its_kind(make):
    ctx = make.Context(site(make, failures={f"{HOME}faq": ("http_404", False)}))
    outcome = await company.run(wanted(), ctx)
    kinds = {page.url: page.kind for page in outcome.output.pages}
    assert kinds == {
        HOME: "home",
        f"{HOME}guides/bicycle-chain": "article",
        f"{HOME}services": "product",
        f"{HOME}legal": "legal",
    }
    assert any(f"{HOME}faq" in note and "http_404" in note for note in outcome.output.notes)


async def test_facts_of_the_request_win_over_those_of_the_site(make):
    given = {
        "name": "Given Wheels",
        "industry": "Bicycles",
        "offers": ["Repairs"],
        "authors": [{"name": "Bo Tirewell"}],
    }
    outcome = await company.run(wanted(company_data=given, company_name="Other"), make.Context(site(make)))
    assert (outcome.output.name, outcome.output.industry) == ("Given Wheels", "Bicycles")
    assert outcome.output.offers == ("Repairs",)
    assert outcome.output.authors[0].name == "Bo Tirewell"


async def test_the_industry_is_never_guessed(make):
    assert (await company.run(wanted(), make.Context(site(make)))).output.industry == ""


async def test_a_site_in_another_language_is_noted(make):
    pages = (make.page("regenwasser", "", language="de-DE"),)
    outcome = await company.run(wanted(), make.Context(make.Site(pages)))
    assert "the site is in de, the article was asked for in en" in outcome.output.notes


@pytest.mark.parametrize(
    ("code", "transient", "kind"),
    [
        ("timeout", True, Retry),
        ("dns", True, Retry),
        ("http_503", True, Retry),
        ("not_html", False, Fail),
        ("too_large", False, Fail),
        ("empty_page", False, Fail),
        ("http_404", False, Fail),
    ],
)
async def test_an_unreadable_home_page_ends_the_stage_with_its_own_code(make, code, transient, kind):
    outcome = await company.run(wanted(), make.Context(make.Site(failures={HOME: (code, transient)})))
    assert isinstance(outcome, kind)
    assert outcome.code == f"company_site_{code}"
    assert HOME in outcome.reason


async def test_a_site_that_forbids_reading_is_done_without_if_the_request_says_enough(make):
    forbidden = make.Site(failures={HOME: ("robots_denied", False)})
    outcome = await company.run(wanted(company_name="Rolling Hill Workshop"), make.Context(forbidden))
    assert isinstance(outcome, Done)
    assert outcome.output.name == "Rolling Hill Workshop"
    assert outcome.output.pages == ()
    assert "robots.txt" in outcome.output.notes[0]


async def test_a_site_that_forbids_reading_fails_when_nothing_else_is_known(make):
    outcome = await company.run(wanted(), make.Context(make.Site(failures={HOME: ("robots_denied", False)})))
    assert outcome == Fail(code="company_site_robots_denied", reason=f"{HOME}: it says robots_denied")


async def test_a_second_attempt_fetches_no_page_again(make):
    ctx = make.Context(site(make))
    first = await company.run(wanted(), ctx)
    fetched = len(ctx.fetcher.fetched)
    assert await company.run(wanted(), ctx) == first
    assert len(ctx.fetcher.fetched) == fetched
