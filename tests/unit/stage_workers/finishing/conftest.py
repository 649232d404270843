"""A good article, part by part, and ways to spoil it."""

from datetime import UTC, datetime

import msgspec
import pytest

from contracts.articles import (
    Article,
    Author,
    BulletList,
    Citation,
    Draft,
    Image,
    InternalLink,
    Paragraph,
    QuestionAnswer,
    Quote,
    ReplacedSource,
    Section,
    Sentence,
    SitePage,
    Source,
    Table,
    TocEntry,
)
from contracts.jobs import ArticleRequest
from contracts.stages import (
    BriefOutput,
    CitationsOutput,
    CompanyOutput,
    FaqOutput,
    ImagesOutput,
    InternalLinksOutput,
    MetadataOutput,
    QualityInput,
    ResearchOutput,
    TableOfContentsOutput,
)
from stage_workers.ports import Page
from stage_workers.scoring.material import Material

SITE = "https://workshop.example"
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
KEYWORD = "bicycle chain"
ANSWER = (
    "A bicycle chain lasts longest when it is clean, lightly oiled and replaced before it stretches too far.",
    "Wiping it after every wet ride takes you one minute and does more than any expensive lubricant on the shelf.",
    "We tested that for two whole winters.",
)
HEADINGS = (
    "How often should you clean the chain?",
    "When is a chain worn?",
    "Which tools are needed?",
    "Does the kind of oil matter?",
)
BODIES = (
    (
        "Wipe the chain once a week and wash it once a month.",
        "Salt on the roads makes a weekly wash sensible.",
    ),
    (
        "You measure the wear at three places, because links wear unevenly.",
        "A gauge costs as much as a coffee.",
    ),
    ("For the usual work four things will do:", "a stiff brush", "a bottle of oil with a thin nozzle"),
    ("Thin oil creeps into the links and suits dry weather.", "We found that thick oil collects dirt."),
)
QUESTIONS = (
    "How long does a chain last?",
    "What does a new chain cost?",
    "Why does a chain rust?",
    "Can you shorten a chain yourself?",
    "Which oil is best in winter?",
    "Where do you find a gauge?",
    "Who replaces a chain?",
    "When do sprockets wear out?",
)


def sentence(text, *ids, connective=False):
    return Sentence(text=text, source_ids=ids or (() if connective else ("s1",)), connective=connective)


def paragraph(*texts):
    return Paragraph(sentences=tuple(map(sentence, texts)))


def question(text, number=0, source="s2"):
    return QuestionAnswer(
        question=text, answer=(sentence(f"That depends on detail number {number}.", source),)
    )


def sections():
    made = [
        Section(heading=heading, blocks=(paragraph(*body),))
        for heading, body in zip(HEADINGS, BODIES, strict=True)
    ]
    lead, *items = BODIES[2]
    listed = (paragraph(lead), BulletList(items=tuple(map(sentence, items))))
    table = Table(
        caption="Wear",
        header=("Wear", "What to do"),
        rows=(("0.5", "Oil it"), ("0.75", "Replace it")),
        source_ids=("s2",),
    )
    made[2] = Section(heading=HEADINGS[2], blocks=listed)
    made[1] = Section(heading=HEADINGS[1], blocks=(table, *made[1].blocks))
    return tuple(made)


def draft(**changes):
    base = Draft(
        headline="Bicycle chain: what the workshop says",
        teaser="Your questions about a bicycle chain, answered.",
        direct_answer=tuple(map(sentence, ANSWER)),
        intro=(sentence("You ride every day, and the chain is what wears first on your bicycle."),),
        sections=sections(),
        takeaways=(sentence("A worn chain wears out the sprockets, which cost far more.", "s2"),),
        faq=tuple(question(text, number) for number, text in enumerate(QUESTIONS[:5])),
        paa=tuple(question(text, number) for number, text in enumerate(QUESTIONS[5:], 5)),
        generator="scripted",
    )
    return msgspec.structs.replace(base, **changes)


def citation(number, source_id, **changes):
    base = Citation(
        number=number,
        source_id=source_id,
        url=f"{SITE}/{source_id}",
        title=f"Page {source_id}",
        quote="A bicycle chain",
        author="Ida Ketting",
        published="2025-04-01",
    )
    return msgspec.structs.replace(base, **changes)


def article(**changes):
    written = draft()
    base = Article(
        draft=msgspec.structs.replace(written, faq=(), paa=()),
        citations=(citation(1, "s1"), citation(2, "s2")),
        internal_links=(
            InternalLink(section=0, anchor_text="weekly wash", url=f"{SITE}/wash", title="Weekly wash"),
        ),
        toc=tuple(
            TocEntry(label=heading, anchor=f"part-{at}", section=at) for at, heading in enumerate(HEADINGS)
        ),
        faq=written.faq,
        paa=written.paa,
        images=(image("hero"), image("mid"), image("bottom")),
        meta_title="Bicycle chain",
        meta_description="Your questions about a bicycle chain, answered.",
        slug="bicycle-chain",
        reading_time_minutes=2,
        author=Author(name="Ida Ketting", url=f"{SITE}/ida", role="mechanic"),
    )
    return msgspec.structs.replace(base, **changes)


def image(role):
    return Image(
        role=role,
        name=f"{role}.png",
        url=f"https://gateway.example/jobs/1/files/{role}.png",
        alt=f"{role} of a chain",
        width=1200,
        height=630,
        content_type="image/png",
        generator="pixel",
    )


def company(**changes):
    pages = (
        SitePage(url=f"{SITE}/", title="Workshop", kind="home"),
        SitePage(url=f"{SITE}/wash", title="Weekly wash"),
    )
    base = CompanyOutput(
        name="Rolling Hill Workshop", url=f"{SITE}/", language="en", country="US", pages=pages
    )
    return msgspec.structs.replace(base, **changes)


def request(**changes):
    return ArticleRequest(**({"primary_keyword": KEYWORD, "company_url": SITE} | changes))


def material(of=None, **changes):
    return Material(article(**changes) if of is None else of, KEYWORD, "en", company())


def source(source_id, *quotes, **changes):
    base = Source(
        source_id=source_id,
        url=f"{SITE}/{source_id}",
        title=f"Page {source_id}",
        kind="company",
        quotes=tuple(Quote(text=quote) for quote in quotes),
    )
    return msgspec.structs.replace(base, **changes)


def page(url, text, **changes):
    return Page(**({"url": url, "title": "A page", "text": text, "fetched_at": NOW} | changes))


def quality_input(**changes):
    written = draft()
    brief = BriefOutput(
        audience="",
        intent="informational",
        angle="",
        outline=(),
        questions=(),
        queries=(),
        word_target=1000,
        language="en",
        country="US",
        tone="",
    )
    done = article()
    base = QualityInput(
        request=request(),
        company=company(),
        brief=brief,
        research=ResearchOutput(
            sources=(source("s1", *ANSWER), source("s2", "x")), searches=20, pages_read=2
        ),
        draft=written,
        citations=CitationsOutput(citations=done.citations),
        internal_links=InternalLinksOutput(links=done.internal_links),
        table_of_contents=TableOfContentsOutput(entries=done.toc),
        metadata=MetadataOutput(
            meta_title=done.meta_title,
            meta_description=done.meta_description,
            slug=done.slug,
            reading_time_minutes=2,
            author=done.author,
        ),
        faq=FaqOutput(faq=written.faq, paa=written.paa),
        images=ImagesOutput(images=done.images),
    )
    return msgspec.structs.replace(base, **changes)


def moved(text, *ids):
    return ReplacedSource(text=text, source_ids=ids, url="", reason="the source can no longer be read")


class Make:
    """The builders above, for tests in other files."""

    sentence, paragraph, question, sections = map(staticmethod, (sentence, paragraph, question, sections))
    draft, article, citation, company, request = map(
        staticmethod, (draft, article, citation, company, request)
    )
    material, source, page, quality_input, image = map(
        staticmethod, (material, source, page, quality_input, image)
    )
    moved = staticmethod(moved)
    site, now, keyword, headings, answer, questions = SITE, NOW, KEYWORD, HEADINGS, ANSWER, QUESTIONS


@pytest.fixture(scope="session")
def make():
    return Make
