"""From a PDF's bytes to a page. Its pages are read one by one within a time, and in threads of their own, so that a
file made to be slow holds up no other page."""

from __future__ import annotations

import asyncio
import io
import logging
import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any
from urllib.parse import unquote, urlsplit

from pypdf import PdfReader
from pypdf.errors import DependencyError, FileNotDecryptedError

from stage_workers.characters import name, person, readable
from stage_workers.errors import FetchFailed
from stage_workers.ports import Page

CONTENT_TYPE = "application/pdf"
MOST_PAGES = 40
MOST_CHARACTERS = 400_000
SECONDS = 15.0
GRACE_SECONDS = 1.0
"""For the page that is being read when the time is up."""
_READERS = ThreadPoolExecutor(2, "pdf")
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_HYPHEN = re.compile(r"(\w)(?:\u00ad|-)\n(?=[a-zäöüßàâéèêçñ])")
_LONGEST_FACT = 500

logging.getLogger("pypdf").setLevel(logging.ERROR)
"""What it mends in a file is of no interest to operators."""


def is_pdf(body: bytes) -> bool:
    """Say whether these bytes are a PDF, whatever their server calls them."""
    return body[:1024].lstrip().startswith(b"%PDF-")


async def read_pdf(url: str, body: bytes, fetched_at: datetime, seconds: float = SECONDS) -> Page:
    """Return the text of the first pages. Raises FetchFailed with ``encrypted_pdf``, ``broken_pdf``, ``slow_pdf`` or
    ``empty_page``."""
    end = time.monotonic() + seconds
    reading = asyncio.get_running_loop().run_in_executor(_READERS, _page, url, body, fetched_at, end)
    try:
        async with asyncio.timeout(seconds + GRACE_SECONDS):
            return await reading
    except TimeoutError as error:
        raise _slow(url) from error


def _page(url: str, body: bytes, fetched_at: datetime, end: float) -> Page:
    try:
        reader = PdfReader(io.BytesIO(body))
        text, title = _text(reader, url, end), name(_fact(reader, "title"))
        author = person(_fact(reader, "author"))
    except (FileNotDecryptedError, DependencyError) as error:
        raise FetchFailed(url, "encrypted_pdf", f"{url} needs a password", transient=False) from error
    except FetchFailed:
        raise
    except Exception as error:  # a broken file makes the library raise whatever there is
        reason = f"{url} is no PDF that can be read: {type(error).__name__}"
        raise FetchFailed(url, "broken_pdf", reason, transient=False) from error
    if not text:
        raise FetchFailed(url, "empty_page", f"{url} has no text", transient=False)
    return Page(url=url, title=title or _name(url), text=text, author=author, fetched_at=fetched_at)


def _text(reader: PdfReader, url: str, end: float) -> str:
    """Return the paragraphs of the first pages."""
    paragraphs: list[str] = []
    characters = 0
    for number in range(min(len(reader.pages), MOST_PAGES)):
        if time.monotonic() > end:
            raise _slow(url)
        found = paragraphs_of(reader.pages[number].extract_text())
        paragraphs += found
        characters += sum(map(len, found))
        if characters > MOST_CHARACTERS:
            break
    return "\n\n".join(paragraphs)[:MOST_CHARACTERS]


def paragraphs_of(text: str) -> list[str]:
    """Return a page's paragraphs: lines are joined, words that were divided at their ends too."""
    whole = readable(_HYPHEN.sub(r"\1", _UNPRINTABLE.sub(" ", text)))
    return [joined for part in re.split(r"\n\s*\n", whole) if (joined := " ".join(part.split()))]


def _fact(reader: PdfReader, field: str) -> str:
    facts: Any = reader.metadata
    value = getattr(facts, field, None) if facts is not None else None
    return " ".join(readable(_UNPRINTABLE.sub(" ", str(value or ""))).split())[:_LONGEST_FACT]


def _name(url: str) -> str:
    """Return the file's name, for a file without a title."""
    return unquote(urlsplit(url).path.rpartition("/")[2])[:_LONGEST_FACT] or url


def _slow(url: str) -> FetchFailed:
    return FetchFailed(url, "slow_pdf", f"{url} takes too long to read", transient=False)
