"""Links into the company's own pages: only ones that exist, one in a section, on words that mean something."""

import pytest

from contracts.articles import BulletList, Section, SitePage
from contracts.jobs import BatchSibling
from contracts.stages import InternalLinksInput
from stage_workers.adapters.fakes import FakeContext, MemoryPages
from stage_workers.errors import FetchFailed
from stage_workers.stages import internal_links
from stage_workers.stages.internal_links import anchor_in
from stage_workers.stop_words import stop_words

ENGLISH = stop_words("en")


async def links(make, pages, *texts, siblings=(), dead=()):
    made = tuple(Section(heading=f"S{n}", blocks=(make.paragraph(text),)) for n, text in enumerate(texts))
    known = tuple(
        page if isinstance(page, SitePage) else SitePage(url=f"{make.site}/{page[0]}", title=page[1])
        for page in pages
    )
    inp = InternalLinksInput(
        request=make.request(batch_siblings=siblings),
        company=make.company(pages=known),
        draft=make.draft(sections=made),
    )
    there = {page.url: make.page(page.url, "text") for page in known if page.url not in dead}
    return (await internal_links.run(inp, FakeContext(fetcher=MemoryPages(there)))).output.links


async def test_words_of_a_pages_title_lead_to_it_as_they_are_written(make):
    (link,) = await links(make, [("wash", "Weekly wash of chains")], "Salt makes a Weekly Wash sensible.")
    assert (link.url, link.anchor_text, link.section, link.title) == (
        f"{make.site}/wash",
        "Weekly Wash",
        0,
        "Weekly wash of chains",
    )


async def test_no_page_no_link(make):
    assert await links(make, [], "Salt makes a weekly wash sensible.") == ()
    assert await links(make, [("wash", "Quite another thing")], "Salt makes a weekly wash sensible.") == ()


async def test_a_section_has_one_link_the_longest(make):
    pages = [("wash", "Weekly wash"), ("salt", "Salt on winter roads")]
    (link,) = await links(make, pages, "A weekly wash removes salt on winter roads.")
    assert link.anchor_text == "salt on winter roads"


async def test_a_page_is_linked_once_and_words_lead_to_one_page(make):
    pages = [("wash", "Weekly wash"), ("other", "The weekly wash")]
    text = "A weekly wash is sensible."
    found = await links(make, pages, text, text, text)
    assert [(link.section, link.url) for link in found] == [(0, f"{make.site}/wash")]


async def test_side_pages_and_lists_of_pages_are_no_targets(make):
    title = "Weekly wash"
    pages = [
        SitePage(url=f"{make.site}/{kind}", title=title, kind=kind) for kind in ("legal", "contact", "home")
    ]
    pages.append(SitePage(url=f"{make.site}/blog/", title=title, kind="article"))
    assert await links(make, pages, "A weekly wash is sensible.") == ()


async def test_the_companys_name_is_no_reason_for_a_link(make):
    pages = [("about", "About Rolling Hill Workshop"), ("team", "Rolling Hill Workshop | Team")]
    assert await links(make, pages, "The Rolling Hill Workshop repairs bicycles; hill workshop.") == ()


async def test_words_that_only_meet_where_one_item_ends_and_the_next_begins_carry_no_link(make):
    items = BulletList(items=(make.sentence("a brush for the chain"), make.sentence("oil with a nozzle")))
    inp = InternalLinksInput(
        request=make.request(),
        company=make.company(pages=(SitePage(url=f"{make.site}/oil", title="Chain oil"),)),
        draft=make.draft(sections=(Section(heading="Tools", blocks=(items,)),)),
    )
    assert (await internal_links.run(inp, FakeContext())).output.links == ()


async def test_a_page_that_the_sitemap_names_and_nobody_serves_is_not_linked(make):
    pages = [("wash", "Weekly wash"), ("oil", "Chain oil")]
    found = await links(make, pages, "A weekly wash.", "Thin chain oil.", dead={f"{make.site}/wash"})
    assert [link.url for link in found] == [f"{make.site}/oil"]


async def test_a_page_that_is_away_for_now_is_still_linked(make):
    url = f"{make.site}/wash"
    away = MemoryPages({url: FetchFailed(url, "timeout", "away", transient=True)})
    inp = InternalLinksInput(
        request=make.request(),
        company=make.company(pages=(SitePage(url=url, title="Weekly wash"),)),
        draft=make.draft(),
    )
    assert [link.url for link in (await internal_links.run(inp, FakeContext(fetcher=away))).output.links] == [
        url
    ]


async def test_siblings_of_the_batch_are_targets_when_they_have_an_address(make):
    siblings = (
        BatchSibling(slug="chain-oil-guide", url="https://blog.example/oil"),
        BatchSibling(slug="weekly-wash"),
    )
    found = await links(make, [], "Thin chain oil creeps.", "A weekly wash.", siblings=siblings)
    assert [(link.url, link.anchor_text) for link in found] == [("https://blog.example/oil", "chain oil")]


@pytest.mark.parametrize(
    ("title", "text", "anchor"),
    [
        ("How much ventilation does a home need?", "How much depends on the house.", None),
        ("What can solar panels do for a home?", "Solar panels are a choice for a home.", "Solar panels"),
        ("Heat pumps: what they cost", "Heat pumps, what they do", "Heat pumps"),
        ("Heat | Pumps", "Heat pumps are fine.", None),
        ("Chains", "Chains wear.", None),
        ("Öl-Wechsel für Ketten", "Ein Öl-Wechsel für Ketten hilft.", "Öl-Wechsel für Ketten"),
        ("Wash chains", "He whitewash chains.", None),
        ("An ox", "An ox pulls.", None),
        ("C++ (and more", "C++ (and more", None),
    ],
)
def test_an_anchor_is_a_phrase_of_one_part_of_the_title(title, text, anchor):
    assert anchor_in(text, title, ENGLISH) == anchor
