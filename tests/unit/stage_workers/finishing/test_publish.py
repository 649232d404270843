"""The finished article: stored in three forms, and told in one result."""

import json

import msgspec
import pytest

from contracts.articles import ArticleResult, DroppedClaim, QualityReport, Revision
from contracts.stages import CitationsOutput, ImagesOutput, PublishInput, QualityOutput, ReviewOutput
from stage_workers.adapters.fakes import STARTED_AT, FakeContext, MemoryArticles, MemoryTable
from stage_workers.errors import Permanent, Transient
from stage_workers.outcome import Done
from stage_workers.scoring import score, total
from stage_workers.stages import publish

PROMISED = (
    "success",
    "headline",
    "html_content",
    "aeo_score",
    "word_count",
    "meta_title",
    "meta_description",
    "citations",
    "image_url",
    "sections",
    "key_takeaways",
    "table_of_contents",
    "faq",
    "paa",
    "quality_report",
    "generator",
)
"""What the result of a completed job shows in the service's documentation."""


def to_publish(make, article=None, review=None, **changes):
    article = article or make.article()
    given = make.quality_input()
    parts = score(make.material(article))
    base = PublishInput(
        request=given.request,
        company=given.company,
        brief=given.brief,
        research=given.research,
        images=given.images,
        citations=given.citations,
        quality=QualityOutput(article=article, score=total(parts), passed=True, parts=parts),
        review=review or ReviewOutput(article=article),
    )
    return msgspec.structs.replace(base, **changes)


async def published(make, ctx=None, **changes):
    outcome = await publish.run(to_publish(make, **changes), ctx or FakeContext())
    assert isinstance(outcome, Done)
    return outcome


async def test_the_result_has_what_is_promised(make):
    outcome = await published(make)
    shown = json.loads(msgspec.json.encode(outcome.output))
    for name in PROMISED:
        assert shown[name], name
    assert shown["success"] is True
    assert shown["html_content"].startswith("<article")
    assert shown["image_url"] == make.image("hero").url
    assert shown["aeo_score"] == 100
    assert set(shown) == set(ArticleResult.__struct_fields__), "a field was left out of the answer"


async def test_the_summary_says_what_the_result_says(make):
    outcome = await published(make)
    result, summary = outcome.output, outcome.summary
    assert (summary.headline, summary.slug, summary.word_count, summary.aeo_score) == (
        result.headline,
        result.slug,
        result.word_count,
        result.aeo_score,
    )


async def test_html_markdown_and_json_are_stored(make):
    ctx = FakeContext(store=MemoryArticles())
    result = (await published(make, ctx)).output
    files = {key.removeprefix(f"{ctx.job_id}/"): value for key, value in ctx.store.files.items()}
    assert {name: kind for name, (_, kind) in files.items()} == {
        "article.html": "text/html",
        "article.md": "text/markdown",
        "article.json": "application/json",
    }
    page = files["article.html"][0].decode()
    assert page.startswith("<!doctype html>")
    assert result.html_content in page
    assert files["article.md"][0].decode() == result.markdown_content
    assert msgspec.json.decode(files["article.json"][0], type=ArticleResult) == result
    assert result.article_url.endswith(f"/{ctx.job_id}/files/article.html")
    assert result.markdown_url.endswith(f"/{ctx.job_id}/files/article.md")
    assert result.job_id == ctx.job_id
    assert result.published_at == STARTED_AT


async def test_a_store_that_is_away_is_tried_again_later(make):
    class Away(MemoryArticles):
        async def put(self, key, data, content_type):  # noqa: ARG002  the port's
            raise Transient("store_unavailable", "no store")

    with pytest.raises(Transient, match="no store"):
        await publish.run(to_publish(make), FakeContext(store=Away()))


async def test_an_article_that_the_client_names_gets_a_row(make):
    ctx = FakeContext(table=MemoryTable())
    request = make.request(client_info={"article_id": "a-17", "ticket": 7})
    result = (await published(make, ctx, request=request)).output
    row = ctx.table.rows[ctx.job_id]
    assert (row.article_id, row.tenant, row.headline) == ("a-17", "default", result.headline)
    assert (row.html_content, row.markdown_content) == (result.html_content, result.markdown_content)
    assert (row.article_url, row.image_url) == (result.article_url, result.image_url)
    assert row.published_at == STARTED_AT
    assert row.result["client_info"] == {"article_id": "a-17", "ticket": 7}
    assert row.result["quality_report"]["passed"] is True
    assert not {"html_content", "markdown_content"} & set(row.result)


@pytest.mark.parametrize(("given", "written"), [(17, "17"), (" a 17 ", "a 17"), ("ä" * 200, "ä" * 200)])
async def test_a_number_names_an_article_too(make, given, written):
    ctx = FakeContext(table=MemoryTable())
    await published(make, ctx, request=make.request(client_info={"article_id": given}))
    assert ctx.table.rows[ctx.job_id].article_id == written


@pytest.mark.parametrize("info", [None, {}, {"ticket": 7}, {"article_id": None}])
async def test_an_article_without_a_name_gets_no_row(make, info):
    ctx = FakeContext(table=MemoryTable())
    result = (await published(make, ctx, request=make.request(client_info=info))).output
    assert ctx.table.rows == {}
    assert result.notes == (await published(make)).output.notes


@pytest.mark.parametrize("given", ["", " ", "x" * 201, "a\0b", True, 1.5, ["a"], {"id": 1}])
async def test_a_name_that_is_none_is_noted_and_the_article_is_published(make, given):
    ctx = FakeContext(table=MemoryTable())
    result = (await published(make, ctx, request=make.request(client_info={"article_id": given}))).output
    assert ctx.table.rows == {}
    assert "client_info.article_id" in result.notes[0]
    stored = msgspec.json.decode(ctx.store.files[f"{ctx.job_id}/article.json"][0], type=ArticleResult)
    assert stored.notes == result.notes


async def test_without_a_table_a_name_is_only_given_back(make):
    result = (await published(make, request=make.request(client_info={"article_id": ""}))).output
    assert (result.client_info, result.notes) == ({"article_id": ""}, ())


@pytest.mark.parametrize(
    "error",
    [Transient("article_table_unavailable", "no table"), Permanent("article_table_key", "no table")],
)
async def test_a_table_that_fails_is_told_and_the_files_are_there(make, error):
    class Away(MemoryTable):
        async def put(self, row):  # noqa: ARG002  the port's
            raise error

    ctx = FakeContext(table=Away())
    with pytest.raises(type(error), match="no table"):
        await publish.run(to_publish(make, request=make.request(client_info={"article_id": 1})), ctx)
    assert len(ctx.store.files) == 3


async def test_the_article_is_the_reviewed_one(make):
    changed = make.article(draft=make.draft(headline="Reviewed", faq=(), paa=()))
    review = ReviewOutput(
        article=changed,
        similarity_score=81.5,
        similar_to="chains",
        is_potential_duplicate=True,
        changes=("shorter",),
    )
    result = (await published(make, review=review)).output
    assert result.headline == "Reviewed"
    assert "<h1>Reviewed</h1>" in result.html_content
    assert (result.similarity_score, result.similar_to, result.is_potential_duplicate) == (
        81.5,
        "chains",
        True,
    )
    assert "shorter" in result.notes


async def test_the_result_shows_what_the_review_changed_and_how_the_reviewed_article_scores(make):
    revision = Revision(passage="opening", diff="-# Old\n+# New", changes=("shorter",))
    report = QualityReport(passed=False, score=71.5)
    reviewed = ReviewOutput(
        article=make.article(), changes=revision.changes, revisions=(revision,), quality=report
    )
    result = (await published(make, review=reviewed)).output
    assert result.revisions == (revision,)
    assert result.aeo_score == result.quality_report.score == 71.5
    assert result.quality_passed is False
    assert result.notes == ("shorter",)


async def test_what_a_reader_of_the_result_should_know_is_noted_once(make):
    given = to_publish(make)
    lost = DroppedClaim(text="Chains last forever.", url="", reason="the source does not say so")
    result = (
        await published(
            make,
            company=msgspec.structs.replace(given.company, notes=("sitemap not read",)),
            brief=msgspec.structs.replace(given.brief, notes=("tone: not applied",)),
            research=msgspec.structs.replace(given.research, notes=("sitemap not read", "page away")),
            images=ImagesOutput(images=(), notes=("no hero image: quota",)),
            citations=CitationsOutput(citations=(), dropped=(lost,)),
        )
    ).output
    assert result.notes == (
        "sitemap not read",
        "tone: not applied",
        "page away",
        "left out, the source does not say so: Chains last forever.",
        "no hero image: quota",
    )


async def test_words_are_those_that_a_reader_reads(make):
    article = make.article()
    result = (await published(make)).output
    body = result.html_content
    assert (
        publish.word_count("<article><p>One two <a>[1]</a></p><nav>x y</nav><footer>z</footer></article>")
        == 2
    )
    without = (await published(make, article=msgspec.structs.replace(article, toc=(), citations=()))).output
    assert result.word_count == without.word_count
    assert 0 < result.word_count < len(body.split())


async def test_an_article_without_images_has_no_image_url(make):
    result = (await published(make, article=make.article(images=()))).output
    assert (result.image_url, result.image_alt_text, result.images) == (None, None, ())


async def test_what_the_client_gave_comes_back(make):
    request = make.request(client_info={"ticket": 7}, index=False, language="de", country="AT")
    result = (await published(make, request=request)).output
    assert (result.client_info, result.index, result.language, result.country) == (
        {"ticket": 7},
        False,
        "de",
        "AT",
    )
    assert result.primary_keyword == make.keyword


async def test_the_gates_word_is_reported(make):
    given = to_publish(make)
    refused = msgspec.structs.replace(given.quality, passed=False, score=60.0)
    result = (await published(make, quality=refused)).output
    assert (result.quality_passed, result.aeo_score, result.quality_report.score) == (False, 60.0, 60.0)
    assert result.quality_report.parts == given.quality.parts
