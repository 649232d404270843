"""HTML that is safe whatever pages said, JSON-LD that cannot leave its script, Markdown that says the same."""

import json
import re
from datetime import UTC, datetime
from html.parser import HTMLParser

import lxml.html
import msgspec
import pytest

from contracts.articles import Author, BulletList, InternalLink, QuestionAnswer, Section, Table
from stage_workers.article_text import draft_sentences
from stage_workers.rendering import html, json_ld
from stage_workers.rendering.edition import Edition, labels
from stage_workers.rendering.markdown import markdown

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>\"' </section></article> & {{ 7*7 }}"
VOID = {"img", "meta", "br", "hr", "link", "input"}


class Nesting(HTMLParser):
    """Fails on an element that is not closed, or closed twice."""

    def __init__(self):
        super().__init__()
        self.open = []

    def handle_starttag(self, tag, attrs):  # noqa: ARG002  the base class's signature
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag


def nests(text):
    parser = Nesting()
    parser.feed(text)
    parser.close()
    assert parser.open == []
    return True


def edition(article, **changes):
    base = Edition(
        article=article,
        language="en",
        keyword="bicycle chain",
        company_name="Rolling Hill Workshop",
        company_url="https://workshop.example/",
        published_at=NOW,
        index=True,
    )
    return msgspec.structs.replace(base, **changes)


def hostile(make):
    """An article whose every text is an attack."""
    said = make.sentence(EVIL)
    attack = "javascript:alert(3)"
    section = Section(
        heading=EVIL,
        blocks=(
            make.paragraph(EVIL, EVIL),
            Table(caption=EVIL, header=(EVIL, EVIL), rows=((EVIL, EVIL),), source_ids=("s1",)),
        ),
    )
    draft = make.draft(
        headline=EVIL,
        teaser=EVIL,
        direct_answer=(said,),
        intro=(said,),
        sections=(section,),
        takeaways=(said,),
    )
    return make.article(
        draft=draft,
        citations=(make.citation(1, "s1", url=attack, title=EVIL, author=EVIL, published=EVIL),),
        internal_links=(InternalLink(section=0, anchor_text="alert(1)", url=attack, title=EVIL),),
        toc=(),
        faq=(QuestionAnswer(question=EVIL, answer=(said,)),),
        paa=(),
        images=(msgspec.structs.replace(make.image("hero"), url=attack, alt=EVIL),),
        author=Author(name=EVIL, url=attack, role=EVIL),
        meta_title=EVIL,
        meta_description=EVIL,
    )


def test_texts_of_strangers_do_nothing_in_the_page(make):
    given = edition(hostile(make), company_name=EVIL, keyword=EVIL)
    body = html.fragment(given)
    page = html.document(given, body, json_ld.script(json_ld.objects(given)))
    for text in (body, page):
        tree = lxml.html.document_fromstring(text)
        scripts = tree.xpath("//script")
        assert [script.get("type") for script in scripts] == ["application/ld+json"] * (text is page)
        assert not tree.xpath("//@*[starts-with(name(), 'on')]")
        assert not [link for link in tree.xpath("//@href | //@src") if "javascript" in link]
        assert "{{ 7*7 }}" in text
    assert nests(body)
    assert nests(page)


def test_the_sanitiser_is_a_second_line():
    dirty = """<article onclick="x()"><script>alert(1)</script><style>p{}</style><iframe src="https://e.example"></iframe>
    <p id="Bad Id" onmouseover=x style="color:red">one <a href=" javascript:alert(1)">two</a> <a href="data:text/html,x">3</a>
    <img src="ftp://e.example/x.png" alt="a"><object></object><svg><a xlink:href="javascript:x"></a></svg><form><input></form>
    <p>unclosed <strong>bold</article>"""
    clean = html.sanitised(dirty)
    assert nests(clean)
    for gone in (
        "script",
        "style",
        "iframe",
        "onclick",
        "onmouse",
        "javascript",
        "data:",
        "ftp:",
        "svg",
        "form",
        "Bad Id",
    ):
        assert gone not in clean, gone
    assert "two" in clean
    assert "<strong>bold</strong>" in clean


def test_what_an_article_is_made_of_passes_the_sanitiser(make):
    article = make.article()
    body = html.fragment(edition(article))
    assert html.sanitised(body, frozenset(html.image_urls(article.images))) == body


def test_images_of_others_are_not_loaded():
    own, foreign = "https://gateway.example/hero.png", "https://tracker.example/pixel.png"
    clean = html.sanitised(f'<p><img src="{own}" alt="a"><img src="{foreign}" alt="b"></p>', frozenset({own}))
    assert lxml.html.fromstring(clean).xpath("//img/@src") == [own]


def test_a_good_article_is_whole_and_shows_all_its_texts(make):
    article = make.article()
    body = html.fragment(edition(article))
    assert nests(body)
    text = " ".join(lxml.html.fromstring(body).text_content().split())
    for sentence in draft_sentences(article.draft):
        assert sentence.text in text
    for item in (*article.faq, *article.paa):
        assert item.question in text
    for shown in (
        "Wear",
        "Replace it",
        "Contents",
        "Sources",
        "Ida Ketting",
        "mechanic",
        "2 March 2026",
        "2 min read",
    ):
        assert shown in text


def test_every_place_that_a_link_names_is_there_once(make):
    body = html.fragment(edition(make.article()))
    tree = lxml.html.fromstring(body)
    ids = tree.xpath("//@id")
    assert len(ids) == len(set(ids))
    named = {link[1:] for link in tree.xpath("//a/@href") if link.startswith("#")}
    assert named <= set(ids)
    assert {f"part-{n}" for n in range(4)} <= named
    assert set(tree.xpath("//@aria-labelledby")) <= set(ids)


def test_neighbours_with_one_source_share_its_mark(make):
    one = (make.sentence("A.", "s1"), make.sentence("B.", "s1"), make.sentence("C.", "s2", "s1"))
    text = lxml.html.fromstring(
        html.fragment(edition(make.article(draft=make.draft(intro=one))))
    ).text_content()
    assert "A. B. [1] C. [1][2]" in text


def test_a_link_stands_on_its_words_once(make):
    body = html.fragment(edition(make.article()))
    assert body.count(f'<a href="{make.site}/wash">weekly wash</a>') == 1


def test_a_link_stands_once_though_its_words_come_again_and_on_items_of_lists_too(make):
    items = BulletList(items=(make.sentence("the stiff brush"), make.sentence("again the stiff brush")))
    section = Section(heading="Tools", blocks=(items, make.paragraph("Use the stiff brush.")))
    link = InternalLink(section=0, anchor_text="stiff brush", url=f"{make.site}/wash", title="x")
    article = make.article(draft=make.draft(sections=(section,)), internal_links=(link,))
    body = html.fragment(edition(article))
    assert f'<li>the <a href="{make.site}/wash">stiff brush</a>' in body
    assert body.count(f"{make.site}/wash") == 1


def test_sources_elsewhere_are_not_vouched_for(make):
    citations = (make.citation(1, "s1"), make.citation(2, "s2", url="https://other.example/x"))
    tree = lxml.html.fromstring(html.fragment(edition(make.article(citations=citations))))
    rels = {link.get("href"): link.get("rel") for link in tree.xpath("//li[starts-with(@id, 'source-')]/a")}
    assert rels == {f"{make.site}/s1": None, "https://other.example/x": "nofollow noopener"}


def test_a_table_names_its_source_and_repeats_no_heading(make):
    heading = make.headings[1]
    first, second, *others = make.sections()
    table = msgspec.structs.replace(second.blocks[0], caption=heading)
    changed = msgspec.structs.replace(second, blocks=(table,))
    article = make.article(draft=make.draft(sections=(first, changed, *others)))
    tree = lxml.html.fromstring(html.fragment(edition(article)))
    assert tree.xpath("string(//caption)") == "Source [2]"
    assert (
        lxml.html.fromstring(html.fragment(edition(make.article()))).xpath("string(//caption)") == "Wear [2]"
    )


@pytest.mark.parametrize("language", ["en", "de-AT", "fr", "xx"])
def test_the_words_around_the_article_are_in_its_language(make, language):
    known = labels().get(language[:2], labels()["en"])
    body = html.fragment(edition(make.article(), language=language))
    assert f">{known.sources}<" in body
    assert f'<article lang="{language}">' in body


def test_an_article_without_optional_parts_is_whole(make):
    bare = make.article(
        draft=make.draft(teaser="", direct_answer=(), intro=(), sections=(), takeaways=()),
        citations=(),
        internal_links=(),
        toc=(),
        faq=(),
        paa=(),
        images=(),
        author=None,
    )
    given = edition(bare, index=False)
    body = html.fragment(given)
    page = html.document(given, body, json_ld.script(json_ld.objects(given)))
    assert nests(page)
    assert '<meta name="robots" content="noindex">' in page
    assert "<h2" not in body
    assert [each["@type"] for each in json_ld.objects(given)] == ["Article", "BreadcrumbList"]


def test_an_indexed_page_says_nothing_to_robots(make):
    given = edition(make.article())
    assert "noindex" not in html.document(given, html.fragment(given), "[]")


def test_structured_data_is_json_that_cannot_end_its_script(make):
    given = edition(hostile(make), company_name=EVIL)
    script = json_ld.script(json_ld.objects(given))
    assert not set("<>&") & set(script)
    again = json.loads(script)
    assert again == json.loads(msgspec.json.encode(json_ld.objects(given)))
    assert again[0]["publisher"]["name"] == EVIL


def test_structured_data_describes_the_article(make):
    article = make.article()
    about, crumbs, questions = json_ld.objects(edition(article))
    assert {each["@context"] for each in (about, crumbs, questions)} == {"https://schema.org"}
    assert about["headline"] == article.draft.headline
    assert about["author"] == {
        "@type": "Person",
        "name": "Ida Ketting",
        "url": f"{make.site}/ida",
        "jobTitle": "mechanic",
    }
    assert about["image"][0] == make.image("hero").url
    assert about["citation"] == [citation.url for citation in article.citations]
    assert about["datePublished"] == "2026-03-02T09:00:00+00:00"
    assert [item["position"] for item in crumbs["itemListElement"]] == [1, 2]
    assert [item["name"] for item in questions["mainEntity"]] == list(make.questions)
    for item, asked in zip(questions["mainEntity"], (*article.faq, *article.paa), strict=True):
        assert item["acceptedAnswer"]["text"] == " ".join(part.text for part in asked.answer)


def test_without_an_author_the_company_is(make):
    about, *_ = json_ld.objects(edition(make.article(author=None)))
    assert about["author"] == about["publisher"]
    assert about["publisher"]["@type"] == "Organization"


def test_a_long_headline_is_cut_for_schema_org(make):
    about, *_ = json_ld.objects(edition(make.article(draft=make.draft(headline="word " * 60))))
    assert len(about["headline"]) <= 110


def test_markdown_says_what_the_html_says(make):
    article = make.article()
    text = markdown(html.fragment(edition(article)))
    assert text.startswith(f"# {article.draft.headline}\n")
    for section in article.draft.sections:
        assert f"\n## {section.heading}\n" in text
    for sentence in draft_sentences(article.draft):
        plain = re.sub(r"\]\([^)]*\)", "", text).replace("[", "").replace("\\", "")
        assert sentence.text in plain, sentence.text
    assert "\n- a stiff brush" in text
    assert "| Wear | What to do |\n| --- | --- |\n| 0.5 | Oil it |" in text
    assert f"[weekly wash]({make.site}/wash)" in text
    assert "[1]" in text
    assert "#source-" not in text
    assert f"1. [Page s1]({make.site}/s1)" in text
    assert f"![hero of a chain]({make.image('hero').url})" in text
    assert "\n\n\n" not in text


def test_markdown_of_a_hostile_article_holds_no_tags(make):
    text = markdown(html.fragment(edition(hostile(make))))
    assert not re.search(r"(?<!\\)<", text)


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("See [this](javascript:alert(1)) now.", "See \\[this](javascript:alert(1)) now."),
        ("<b>Oil</b> it.", "\\<b>Oil\\</b> it."),
        ("# No heading.", "\\# No heading."),
        ("- no item.", "\\- no item."),
        ("2024. A year.", "2024\\. A year."),
        ("3.5 litres - or 4 & more.", "3.5 litres - or 4 & more."),
        ("Salt &amp; water.", "Salt \\&amp; water."),
        ("a_b *c* `d` ~e~ f|g \\h", "a\\_b \\*c\\* \\`d\\` \\~e\\~ f\\|g \\\\h"),
        ("It is 5 > 4 + 3.", "It is 5 > 4 + 3."),
    ],
)
def test_words_stay_words_in_markdown(make, said, written):
    body = html.fragment(edition(make.article(draft=make.draft(intro=(make.sentence(said),)))))
    assert f"\n{written} [1]\n" in markdown(body)


def test_an_address_does_not_end_early_in_markdown(make):
    url = "https://workshop.example/a)<img/src=x/onerror=alert(1)>(b)"
    body = html.fragment(edition(make.article(citations=(make.citation(1, "s1", url=url),))))
    text = markdown(body)
    assert "[Page s1](https://workshop.example/a%29%3Cimg/src=x/onerror=alert%281%29%3E%28b%29)" in text
