"""stage_12: renders the article, stores it, and builds the result."""

from __future__ import annotations

import re

import lxml.html
import msgspec

from contracts.articles import ArticleResult, QualityReport
from contracts.results import Summary
from contracts.stages import PublishInput
from contracts.usage import Usage
from stage_workers.article_row import ArticleRow, article_id, row_of
from stage_workers.outcome import Done, Outcome
from stage_workers.ports import StageContext
from stage_workers.rendering import html, json_ld
from stage_workers.rendering.edition import Edition
from stage_workers.rendering.markdown import markdown
from stage_workers.rounds import history

_NOT_READ = "//nav | //footer"


async def run(inp: PublishInput, ctx: StageContext) -> Outcome[ArticleResult]:
    """Store HTML, Markdown and JSON, and write the client's row; Transient from either gets through and is tried
    again, which replaces what is there already."""
    edition = _edition(inp, ctx)
    body = html.fragment(edition)
    described = json_ld.objects(edition)
    text = markdown(body)
    await ctx.progress("storing the article", 0, 4)
    page = html.document(edition, body, json_ld.script(described)).encode()
    article_url = await ctx.store.put(f"{ctx.job_id}/article.html", page, "text/html")
    markdown_url = await ctx.store.put(f"{ctx.job_id}/article.md", text.encode(), "text/markdown")
    result = _result(inp, edition, body, text)
    result = msgspec.structs.replace(
        result, job_id=ctx.job_id, json_ld=described, article_url=article_url, markdown_url=markdown_url
    )
    result, row = _with_row(result, ctx)
    await ctx.store.put(f"{ctx.job_id}/article.json", msgspec.json.encode(result), "application/json")
    if ctx.table is not None and row is not None:
        await ctx.progress("writing the row", 3, 4)
        await ctx.table.put(row)
    await ctx.progress("stored", 4, 4)
    summary = Summary(
        headline=result.headline, slug=result.slug, word_count=result.word_count, aeo_score=result.aeo_score
    )
    return Done(result, summary=summary)


def _with_row(result: ArticleResult, ctx: StageContext) -> tuple[ArticleResult, ArticleRow | None]:
    """Return the result with the row to write of it; a name that is none becomes a note, and no row."""
    if ctx.table is None:
        return result, None
    try:
        named = article_id(result.client_info)
    except ValueError as error:
        notes = (f"no row was written: {error}", *result.notes)[:MOST_NOTES]
        return msgspec.structs.replace(result, notes=notes), None
    return result, None if named is None else row_of(result, named, ctx.tenant)


def _edition(inp: PublishInput, ctx: StageContext) -> Edition:
    return Edition(
        article=inp.review.article,
        language=inp.request.language,
        keyword=inp.request.primary_keyword,
        company_name=inp.company.name,
        company_url=inp.company.url,
        published_at=ctx.started_at,
        index=inp.request.index,
        country=inp.request.country,
    )


def _result(inp: PublishInput, edition: Edition, body: str, text: str) -> ArticleResult:
    article, request, quality = inp.review.article, inp.request, _report(inp)
    hero = next((image for image in article.images if image.role == "hero"), None)
    return ArticleResult(
        success=True,
        job_id="",
        headline=article.draft.headline,
        html_content=body,
        markdown_content=text,
        aeo_score=quality.score,
        word_count=word_count(body),
        meta_title=article.meta_title,
        meta_description=article.meta_description,
        slug=article.slug,
        primary_keyword=request.primary_keyword,
        language=request.language,
        country=request.country,
        generator=article.draft.generator,
        citations=article.citations,
        teaser=article.draft.teaser,
        direct_answer=" ".join(sentence.text for sentence in article.draft.direct_answer),
        images=article.images,
        image_url=hero.url if hero else None,
        image_alt_text=hero.alt if hero else None,
        sections=article.draft.sections,
        key_takeaways=article.draft.takeaways,
        table_of_contents=article.toc,
        faq=article.faq,
        paa=article.paa,
        internal_links=article.internal_links,
        reading_time_minutes=article.reading_time_minutes,
        published_at=edition.published_at,
        company_name=inp.company.name,
        company_url=inp.company.url,
        author=article.author,
        quality_passed=quality.passed,
        quality_report=quality,
        revisions=inp.review.revisions,
        similarity_score=inp.review.similarity_score,
        similar_to=inp.review.similar_to,
        is_potential_duplicate=inp.review.is_potential_duplicate,
        fingerprint=inp.review.fingerprint,
        index=request.index,
        client_info=request.client_info,
        usage=_usage(inp),
        notes=_notes(inp),
    )


def _usage(inp: PublishInput) -> Usage | None:
    return inp.usage and msgspec.structs.replace(inp.usage, pages=inp.research.pages_read)


def _report(inp: PublishInput) -> QualityReport:
    """Return the gate's word on the article as it is printed, and on the rounds before it."""
    said = inp.quality
    last = inp.review.quality or QualityReport(passed=said.passed, score=said.score, parts=said.parts)
    return msgspec.structs.replace(last, rounds=history(inp.rounds))


def _notes(inp: PublishInput) -> tuple[str, ...]:
    """Return what a reader of the result should know."""
    dropped = (f"left out, {claim.reason}: {claim.text}" for claim in inp.citations.dropped)
    replaced = (f"other source, {claim.reason}: {claim.text}" for claim in inp.citations.replaced)
    notes = (
        *inp.company.notes,
        *inp.brief.notes,
        *inp.research.notes,
        *dropped,
        *replaced,
        *inp.images.notes,
        *inp.review.notes,
    )
    return tuple(dict.fromkeys((*notes, *inp.review.changes)))[:MOST_NOTES]


MOST_NOTES = 100


def word_count(body: str) -> int:
    """Return the words that a reader of the article reads: without contents, sources and citation marks."""
    tree = lxml.html.fromstring(body)
    for element in tree.xpath(_NOT_READ):
        element.drop_tree()
    return len(re.sub(r"\[\d+\]", " ", " ".join(tree.itertext())).split())
