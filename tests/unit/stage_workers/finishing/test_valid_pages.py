"""Pages that the standard's own parser has nothing to say about, that everybody can read, and whose structured data
have what search engines require."""

import json
import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from urllib.parse import urlsplit

import html5lib
import lxml.html
import msgspec
import pytest

from contracts.articles import BulletList, QuestionAnswer, Section, Table
from stage_workers.rendering import html, json_ld
from stage_workers.rendering.edition import Edition, labels

WORDS = "Salt & water < oil > \"dirt\" 'grit' &amp; &copy &nosuch; </p> <!-- ]]> \u00a0 é 漢字 🚲"
"""Signs that would not be words if a template forgot to escape them."""


def edition(article, **changes):
    base = Edition(
        article=article,
        language="en",
        keyword="bicycle chain",
        company_name="Rolling Hill Workshop",
        company_url="https://workshop.example/",
        published_at=datetime(2026, 3, 2, 9, 0, tzinfo=UTC),
        index=True,
    )
    return msgspec.structs.replace(base, **changes)


def page_of(given):
    return html.document(given, html.fragment(given), json_ld.script(json_ld.objects(given)))


def bare(make):
    """The least that an article has."""
    written = make.draft(
        teaser="", direct_answer=(), intro=(), sections=(Section(heading="One", blocks=()),), takeaways=()
    )
    written = msgspec.structs.replace(written, faq=(), paa=())
    return make.article(
        draft=written, citations=(), internal_links=(), toc=(), faq=(), paa=(), images=(), author=None
    )


def wordy(make):
    """Every text has signs that mean something in HTML."""
    said = make.sentence(WORDS)
    blocks = (
        make.paragraph(WORDS, WORDS),
        BulletList(items=(said, said)),
        BulletList(items=(said,), ordered=True),
        Table(caption=WORDS, header=(WORDS,), rows=((WORDS,),), source_ids=("s1",)),
    )
    written = make.draft(
        headline=WORDS,
        teaser=WORDS,
        direct_answer=(said,),
        intro=(said,),
        sections=(Section(heading=WORDS, blocks=blocks),),
        takeaways=(said,),
    )
    asked = (QuestionAnswer(question=WORDS, answer=(said,)),)
    image = msgspec.structs.replace(make.image("hero"), alt=WORDS)
    return make.article(
        draft=written,
        citations=(make.citation(1, "s1", title=WORDS, author=WORDS, published=WORDS),),
        toc=(),
        faq=asked,
        paa=asked,
        images=(image,),
        meta_title=WORDS,
        meta_description=WORDS,
    )


@pytest.fixture(params=["good", "bare", "wordy"])
def article(request, make):
    return {"good": make.article, "bare": lambda: bare(make), "wordy": lambda: wordy(make)}[request.param]()


def test_the_page_has_no_parse_error(article):
    html5lib.HTMLParser(strict=True).parse(page_of(edition(article)))


def test_the_fragment_has_no_parse_error(article):
    html5lib.HTMLParser(strict=True).parseFragment(html.fragment(edition(article)), container="main")


@pytest.mark.parametrize(
    "wrong", ["<p>one<p id=a id=b>two</p>", "<section><p>one</p>", "<ul><p>x</ul></p>", "<b>"]
)
def test_the_parser_finds_what_is_wrong(wrong):
    with pytest.raises(html5lib.html5parser.ParseError):
        html5lib.HTMLParser(strict=True).parse(f"<!doctype html><title>x</title>{wrong}")


def test_headings_begin_with_one_and_leave_no_step_out(article):
    tree = lxml.html.document_fromstring(page_of(edition(article)))
    levels = [int(heading.tag[1]) for heading in tree.xpath("//h1 | //h2 | //h3 | //h4 | //h5 | //h6")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert levels.count(3) == len(article.faq) + len(article.paa)
    assert all(heading.text_content().strip() for heading in tree.xpath("//h1 | //h2 | //h3"))


def test_the_article_is_the_page_s_main_part(article):
    tree = lxml.html.document_fromstring(page_of(edition(article)))
    assert [each.tag for each in tree.body] == ["main"]
    assert [each.tag for each in tree.body[0]] == ["article"]


def test_images_have_words_and_a_size(article):
    images = lxml.html.document_fromstring(page_of(edition(article))).xpath("//img")
    assert len(images) == len(article.images)
    for image in images:
        assert image.get("alt").strip()
        assert int(image.get("width")) > 0
        assert int(image.get("height")) > 0


@pytest.mark.parametrize("language", [*labels(), "de-AT", "sv"])
def test_the_page_and_the_article_say_their_language(make, language):
    tree = lxml.html.document_fromstring(page_of(edition(make.article(), language=language)))
    assert tree.get("lang") == language
    assert [each.get("lang") for each in tree.xpath("//article")] == [language]


def test_links_have_words_and_lead_somewhere(article):
    tree = lxml.html.document_fromstring(page_of(edition(article)))
    names = set(tree.xpath("//@id"))
    for link in tree.xpath("//a"):
        assert link.text_content().strip()
        target = link.get("href")
        assert target[1:] in names if target.startswith("#") else urlsplit(target).netloc, target


def test_columns_of_tables_are_named(make):
    tree = lxml.html.document_fromstring(page_of(edition(wordy(make))))
    for table in tree.xpath("//table"):
        assert table.xpath("caption")[0].text_content().strip()
        assert {each.get("scope") for each in table.xpath(".//th")} == {"col"}


# Structured data, read out of the page as a search engine does.


def described(given):
    (script,) = lxml.html.document_fromstring(page_of(given)).xpath("//script")
    assert script.get("type") == "application/ld+json"
    return {each["@type"]: each for each in json.loads(script.text)}


def is_address(text):
    return urlsplit(text).scheme in {"http", "https"} and bool(urlsplit(text).netloc)


def empty_values(value):
    """Yield what is empty, however deep."""
    if isinstance(value, dict | list):
        if not value:
            yield value
        for each in value.values() if isinstance(value, dict) else value:
            yield from empty_values(each)
    elif value in {"", None}:
        yield value


def test_the_article_is_described_with_what_is_required(article):
    about = described(edition(article))["Article"]
    assert about["@context"] == "https://schema.org"
    assert 0 < len(about["headline"]) <= 110
    assert about["inLanguage"] == "en"
    assert about["author"]["name"]
    assert about["publisher"]["name"]
    assert is_address(about["publisher"]["url"])
    for name in ("datePublished", "dateModified"):
        assert datetime.fromisoformat(about[name]).utcoffset() == timedelta(0)
    assert all(map(is_address, about.get("image", [])))
    assert len(about.get("image", [])) == len(article.images)


def test_nothing_is_described_by_nothing(article):
    assert list(empty_values(list(described(edition(article)).values()))) == []


def test_questions_are_described_with_their_answers(article):
    asked = (*article.faq, *article.paa)
    about = described(edition(article))
    assert ("FAQPage" in about) is bool(asked)
    for entry, item in zip(about.get("FAQPage", {}).get("mainEntity", []), asked, strict=True):
        assert (entry["@type"], entry["name"]) == ("Question", item.question)
        assert entry["acceptedAnswer"]["@type"] == "Answer"
        assert re.search(r"\w", entry["acceptedAnswer"]["text"])


def test_the_way_from_the_home_page_is_described(article):
    items = described(edition(article))["BreadcrumbList"]["itemListElement"]
    assert [item["position"] for item in items] == [1, 2]
    assert all(item["@type"] == "ListItem" and item["name"] for item in items)
    assert is_address(items[0]["item"])
