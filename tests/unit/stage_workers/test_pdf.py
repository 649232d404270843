import threading
import time
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from stage_workers.adapters import pdf
from stage_workers.errors import FetchFailed

NOW = datetime(2026, 3, 2, tzinfo=UTC)


class Document:
    """A reader whose pages take their time."""

    metadata = None

    def __init__(self, pages, extract):
        self.pages = [SimpleNamespace(extract_text=extract) for _ in range(pages)]


async def failure(monkeypatch, extract, seconds):
    monkeypatch.setattr(pdf, "PdfReader", lambda _: Document(30, extract))
    with pytest.raises(FetchFailed) as caught:
        await pdf.read_pdf("https://a.test/x.pdf", b"%PDF-", NOW, seconds)
    return caught.value


async def test_a_pdf_of_slow_pages_is_given_up_between_two_of_them(monkeypatch):
    read = []

    def extract():
        read.append(time.sleep(0.05))
        return "Text."

    assert (await failure(monkeypatch, extract, 0.1)).code == "slow_pdf"
    assert len(read) < 10


async def test_a_page_that_never_ends_is_not_waited_for(monkeypatch):
    release = threading.Event()
    monkeypatch.setattr(pdf, "GRACE_SECONDS", 0.05)
    try:
        assert (await failure(monkeypatch, lambda: release.wait(30), 0.05)).code == "slow_pdf"
    finally:
        release.set()


@pytest.mark.parametrize("error", [RecursionError(), KeyError("/Root"), MemoryError(), ValueError("x")])
async def test_whatever_the_library_raises_the_file_is_broken(monkeypatch, error):
    def extract():
        raise error

    assert (await failure(monkeypatch, extract, 5)).code == "broken_pdf"


def test_lines_and_divided_words_are_joined_and_paragraphs_kept():
    assert pdf.paragraphs_of("Insu-\nlation\nkeeps  warm.\n \nCO2-\nNeutral\u200b") == [
        "Insulation keeps warm.",
        "CO2- Neutral",
    ]
