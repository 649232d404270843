"""A keyword of one word, which a whole site is about: the article without a model still passes the gate."""

import pytest

from blog_writer.sample_site import pages
from contracts.jobs import ArticleRequest
from contracts.stages import STAGES, StageId
from stage_workers.adapters.extraction import read_page
from stage_workers.adapters.extractive import ExtractiveModel
from stage_workers.adapters.fakes import STARTED_AT, FakeContext, MemoryPages
from stage_workers.adapters.site_search import SiteSearch
from stage_workers.registry import REGISTRY

BASE = "https://sample.example"


def sample_site():
    html = {path: each for path, each in pages(BASE).items() if each.content_type.startswith("text/html")}
    public = {BASE + path: each.body.decode() for path, each in html.items() if "/internal/" not in path}
    read = {url: read_page(url, text, STARTED_AT) for url, text in public.items()}
    return MemoryPages({url: page for url, page in read.items() if page is not None}, tuple(read))


async def judged(keyword):
    """Run the stages up to the gate, one after the other, over the sample site's pages."""
    fetcher = sample_site()
    ctx = FakeContext(model=ExtractiveModel(), search=SiteSearch(fetcher), fetcher=fetcher)
    known = {"request": ArticleRequest(primary_keyword=keyword, company_url=f"{BASE}/", country="GB")}
    for stage in (each for each in StageId if each <= StageId.QUALITY):
        kind = STAGES[stage].input
        fields = {name: value for name, value in known.items() if name in kind.__struct_fields__}
        known[stage.field] = (await REGISTRY[stage](kind(**fields), ctx)).output
    return known["quality"]


@pytest.mark.parametrize("keyword", ["energy", "heat", "heating", "insulation", "home", "ventilation"])
async def test_a_word_that_stands_on_every_page_is_not_repeated_until_it_reads_like_spam(keyword):
    quality = await judged(keyword)
    assert [finding for finding in quality.findings if finding.critical] == []
    assert quality.passed
    assert len(quality.article.draft.sections) >= 4
    assert len(quality.article.faq) >= 5
