"""A page that answers 200 and says that there is none is no page."""

import pytest

from stage_workers.adapters.fakes import FakeContext, MemoryPages
from stage_workers.reading import read_pages
from stage_workers.site.error_pages import is_error_page

LONG = "Chains rust when water stays under the oil film, and that is all there is to know of it. " * 10


@pytest.mark.parametrize(
    ("title", "text"),
    [
        ("Page not found", "Sorry."),
        ("Workshop", "# 404\n\nTry the search."),
        ("Workshop", "Oh no! The page you’re after is gone.\n\nThis page doesn’t exist."),
        ("Werkstatt", "# Seite nicht gefunden\n\nZur Startseite"),
        ("Atelier", "La page que vous recherchez a été déplacée."),
        ("Just a moment...", "Checking your browser."),
    ],
)
def test_an_error_with_status_200(title, text):
    assert is_error_page(title, text)


@pytest.mark.parametrize(
    ("title", "text"),
    [
        ("Why a page is not found", LONG),
        ("Route 4042", "A road in the hills, good for riding."),
        ("Workshop", "We mend what others have not found to be broken."),
        ("", ""),
    ],
)
def test_a_page_that_is_none(title, text):
    assert not is_error_page(title, text)


async def test_such_a_page_counts_as_one_that_could_not_be_read(make):
    url, other = f"{make.site}/gone", f"{make.site}/wash"
    pages = {url: make.page(url, "# 404\n\nTry the search.", title="Oops"), other: make.page(other, LONG)}
    reading = await read_pages([url, other], FakeContext(fetcher=MemoryPages(pages)))
    assert list(reading.pages) == [other]
    assert (reading.failures[url].code, reading.failures[url].transient) == ("soft_404", False)
    assert reading.notes() == (f"not read: {url} answered with an error's text (soft_404)",)
