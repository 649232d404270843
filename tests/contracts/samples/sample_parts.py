"""One article in all its stages, with every field filled in."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from contracts.articles import (
    Article,
    ArticleReference,
    ArticleResult,
    Author,
    BulletList,
    Citation,
    Draft,
    DroppedClaim,
    Finding,
    Image,
    InternalLink,
    Paragraph,
    QualityReport,
    QuestionAnswer,
    Quote,
    ReplacedSource,
    Revision,
    RoundReport,
    ScorePart,
    Section,
    Sentence,
    SitePage,
    Source,
    Table,
    TocEntry,
)
from contracts.ids import JobId
from contracts.jobs import ArticleRequest, BatchSibling
from contracts.stages import (
    STAGES,
    BriefOutput,
    CitationsOutput,
    CompanyOutput,
    FaqOutput,
    ImagesOutput,
    InternalLinksOutput,
    MetadataOutput,
    QualityOutput,
    ResearchOutput,
    ReviewOutput,
    StageId,
    TableOfContentsOutput,
)
from contracts.usage import DuplicateSpend, StageUsage, Usage

JOB_ID = JobId("550e8400-e29b-41d4-a716-446655440000")
AT = datetime(2026, 1, 4, 10, 0, tzinfo=UTC)
SITE = "https://www.example.com"

REQUEST = ArticleRequest(
    primary_keyword="heat pump maintenance",
    company_url=SITE,
    language="de-AT",
    country="AT",
    callback_url="https://your-app.example/webhook",
    callback_events=("completed", "started"),
    webhook_payload="thin",
    priority=1,
    max_duration_minutes=45,
    max_cost_usd=2.5,
    batch_id="spring",
    company_name="Example Heating",
    company_data={"founded": 1998, "offers": ["heat pumps", "service"]},
    sitemap_urls=(f"{SITE}/guides/heat-pumps",),
    existing_blog_slugs=("solar-panels",),
    batch_siblings=(
        BatchSibling(
            slug="insulation", keyword="insulation", headline="Insulate first", url=f"{SITE}/blog/insulation"
        ),
    ),
    content_generation_instruction="Write for owners of old houses.",
    word_count=1200,
    tone="plain",
    system_prompts=("Name no competitors.",),
    review_prompts=("Check every number.",),
    slug="heat-pump-care",
    index=False,
    source_urls=("https://standards.example/heat-pumps",),
    client_info={"ticket": "A-17", "tags": [1, 2.5, None, True]},
)

CLAIM = Sentence(text="A heat pump wants a look once a year.", source_ids=("s1",))
BRIDGE = Sentence(text="Here is how.", connective=True)
QUESTION = QuestionAnswer(question="How often does a heat pump need service?", answer=(CLAIM,))
OTHER_QUESTION = QuestionAnswer(question="What does it cost?", answer=(CLAIM, BRIDGE))
PERSON = Author(name="Ada Example", url=f"{SITE}/authors#ada", role="Engineer")
LINK = InternalLink(
    section=1, anchor_text="a look once a year", url=f"{SITE}/guides/heat-pumps", title="Heat pumps"
)
ENTRY = TocEntry(label="What to check", anchor="what-to-check", section=1)
PICTURE = Image(
    role="hero",
    name="hero.png",
    url=f"http://127.0.0.1:8000/jobs/{JOB_ID}/files/hero.png",
    alt="A heat pump beside a house",
    width=1200,
    height=630,
    content_type="image/png",
    generator="card",
)
CITATION = Citation(
    number=1,
    source_id="s1",
    url="https://standards.example/heat-pumps",
    title="Care of heat pumps",
    quote="should be inspected every twelve months",
    author="Ada Example",
    published="2025-11-02",
)
FINDING = Finding(
    code="long_paragraph", message="a paragraph has 190 words", critical=True, where="What to check"
)
SCORE = ScorePart(name="direct_answer", points=20.5, maximum=25.0, reason="38 words, 40 are wanted")
REPORT = RoundReport(
    round=1, score=71.5, passed=True, findings=(FINDING,), chosen=True, changes=("took another answer",)
)

COMPANY = CompanyOutput(
    name="Example Heating",
    url=f"{SITE}/",
    language="de",
    country="AT",
    industry="heating",
    description="Installs and looks after heat pumps.",
    offers=("heat pumps", "service"),
    pages=(
        SitePage(url=f"{SITE}/guides/heat-pumps", title="Heat pumps", summary="A guide.", kind="article"),
    ),
    headings=("What we do",),
    authors=(PERSON,),
    competitors=("Rival Heating",),
    notes=("/team: not read",),
)
BRIEF = BriefOutput(
    audience="owners of old houses",
    intent="informational",
    angle="what owners can do themselves",
    outline=("Why", "What to check"),
    questions=("How often?",),
    queries=("heat pump maintenance interval",),
    word_target=1200,
    language="de-AT",
    country="AT",
    tone="plain",
    rules=("Prices in euros.",),
    notes=("instruction not followed: the extractive writer cannot",),
)
SOURCE = Source(
    source_id="s1",
    url="https://standards.example/heat-pumps",
    title="Care of heat pumps",
    kind="given",
    quotes=(Quote(text="should be inspected every twelve months", heading="Intervals"),),
    published="2025-11-02",
    author="Ada Example",
    fetched_at=AT,
)
RESEARCH = ResearchOutput(sources=(SOURCE,), searches=24, pages_read=11, notes=("one page was empty",))
DRAFT = Draft(
    headline="Heat pump maintenance: what to check each year",
    teaser="An hour a year keeps it quiet.",
    direct_answer=(CLAIM,),
    intro=(BRIDGE, CLAIM),
    sections=(
        Section(heading="Why", blocks=(Paragraph(sentences=(CLAIM, BRIDGE)),)),
        Section(
            heading="What to check",
            blocks=(
                BulletList(items=(CLAIM,), ordered=True),
                Table(
                    caption="Intervals",
                    header=("part", "months"),
                    rows=(("filter", "6"), ("coolant", "12")),
                    source_ids=("s1",),
                ),
            ),
        ),
    ),
    takeaways=(CLAIM,),
    faq=(QUESTION,),
    paa=(OTHER_QUESTION,),
    generator="extractive",
    changes=("took another answer",),
)
CITATIONS = CitationsOutput(
    citations=(CITATION,),
    dropped=(DroppedClaim(text="It lasts 40 years.", url="https://gone.example", reason="http_404"),),
    replaced=(
        ReplacedSource(
            text=CLAIM.text,
            source_ids=("s1",),
            url="https://gone.example",
            reason="the source can no longer be read",
        ),
    ),
)
METADATA = MetadataOutput(
    meta_title="Heat pump maintenance",
    meta_description="What to check each year, and why.",
    slug="heat-pump-care",
    reading_time_minutes=6,
    author=PERSON,
)
FAQ = FaqOutput(faq=(QUESTION,), paa=(OTHER_QUESTION,))
IMAGES = ImagesOutput(images=(PICTURE,), notes=("no photograph was found",))
ARTICLE = Article(
    draft=DRAFT,
    citations=(CITATION,),
    internal_links=(LINK,),
    toc=(ENTRY,),
    faq=(QUESTION,),
    paa=(OTHER_QUESTION,),
    images=(PICTURE,),
    meta_title="Heat pump maintenance",
    meta_description="What to check each year, and why.",
    slug="heat-pump-care",
    reading_time_minutes=6,
    author=PERSON,
)
QUALITY = QualityOutput(article=ARTICLE, score=81.5, passed=True, parts=(SCORE,), findings=(FINDING,))
REVISION = Revision(
    passage="When to call",
    diff="--- When to call (before)\n+++ When to call (after)\n@@ -1 +1 @@\n-## When to call\n+## Whom to call",
    changes=("the heading was made a question",),
)
REVIEW = ReviewOutput(
    article=ARTICLE,
    changes=("a number was checked",),
    revisions=(REVISION,),
    quality=QualityReport(passed=True, score=82.5, parts=(SCORE,)),
    similarity_score=12.5,
    similar_to="solar-panels",
    is_potential_duplicate=True,
    fingerprint="00af" * 2,
    notes=("no earlier article is near",),
)
USAGE = Usage(
    calls=2,
    input_tokens=41_200,
    output_tokens=3_050,
    searches=2,
    images=1,
    pages=14,
    cost_usd=0.125,
    unsettled=1,
    unsettled_usd=0.005,
    duplicate_spend=(
        DuplicateSpend(stage="research", kind="search", key="heat pump prices", times=1, cost_usd=0.005),
    ),
    stages={
        "research": StageUsage(
            calls=2, input_tokens=41_200, output_tokens=3_050, searches=2, images=1, cost_usd=0.125
        )
    },
)
RESULT = ArticleResult(
    success=True,
    job_id=JOB_ID,
    headline=DRAFT.headline,
    html_content="<article><h1>Heat pump maintenance</h1></article>",
    markdown_content="# Heat pump maintenance\n",
    aeo_score=81.5,
    word_count=1187,
    meta_title=METADATA.meta_title,
    meta_description=METADATA.meta_description,
    slug=METADATA.slug,
    primary_keyword=REQUEST.primary_keyword,
    language="de-AT",
    country="AT",
    generator="extractive",
    citations=(CITATION,),
    teaser=DRAFT.teaser,
    direct_answer=CLAIM.text,
    image_url=PICTURE.url,
    image_alt_text=PICTURE.alt,
    images=(PICTURE,),
    sections=DRAFT.sections,
    key_takeaways=DRAFT.takeaways,
    table_of_contents=(ENTRY,),
    faq=(QUESTION,),
    paa=(OTHER_QUESTION,),
    internal_links=(LINK,),
    json_ld=[{"@context": "https://schema.org", "@type": "Article", "headline": DRAFT.headline}],
    article_url=f"file:///data/articles/{JOB_ID}/article.html",
    markdown_url=f"file:///data/articles/{JOB_ID}/article.md",
    reading_time_minutes=6,
    published_at=AT,
    company_name=COMPANY.name,
    company_url=COMPANY.url,
    author=PERSON,
    quality_passed=True,
    quality_report=QualityReport(
        passed=True, score=81.5, parts=(SCORE,), rounds=(REPORT,), notes=("one finding is left",)
    ),
    revisions=(REVISION,),
    similarity_score=12.5,
    similar_to="solar-panels",
    fingerprint="00af" * 2,
    is_potential_duplicate=True,
    index=False,
    client_info=REQUEST.client_info,
    usage=USAGE,
    notes=("one claim was dropped",),
)

OUTPUTS: dict[StageId, Any] = {
    StageId.COMPANY: COMPANY,
    StageId.BRIEF: BRIEF,
    StageId.RESEARCH: RESEARCH,
    StageId.DRAFT: DRAFT,
    StageId.CITATIONS: CITATIONS,
    StageId.INTERNAL_LINKS: InternalLinksOutput(links=(LINK,)),
    StageId.TABLE_OF_CONTENTS: TableOfContentsOutput(entries=(ENTRY,)),
    StageId.METADATA: METADATA,
    StageId.FAQ: FAQ,
    StageId.IMAGES: IMAGES,
    StageId.QUALITY: QUALITY,
    StageId.REVIEW: REVIEW,
    StageId.PUBLISH: RESULT,
}
EARLIER = ArticleReference(
    slug="solar-panels",
    headline="Solar panels",
    primary_keyword="solar panels",
    job_id=JOB_ID,
    fingerprint="00af" * 2,
)
GIVEN: dict[str, Any] = {
    "request": REQUEST,
    "rounds": (REPORT,),
    "earlier_articles": (EARLIER,),
    "usage": USAGE,
    **{stage.field: output for stage, output in OUTPUTS.items()},
}
"""What an input's fields are filled with, by name."""

INPUTS: dict[StageId, Any] = {
    stage: contract.input(**{name: GIVEN[name] for name in contract.input.__struct_fields__})
    for stage, contract in STAGES.items()
}
