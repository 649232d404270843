"""Sites that misbehave, read by the real page fetcher: every one ends soon, with a code that says what was wrong."""

from __future__ import annotations

import asyncio
import socket
import time
from typing import Any

import msgspec
import pytest

from chassis.egress import networks
from stage_workers.adapters import http_get, pdf
from stage_workers.adapters.hosts import Hosts
from stage_workers.adapters.pages import HttpPageFetcher
from stage_workers.errors import FetchFailed

SECONDS = 2.0
"""For one page, so that sites that never end are given up soon."""
MEGABYTE = 1024 * 1024
LOOPBACK = networks(("127.0.0.0/8", "::1/128"), "")


@pytest.fixture
async def fetcher():
    async with HttpPageFetcher("blog-writer/0.1", SECONDS, LOOPBACK) as opened:
        yield opened


async def failure(fetcher: HttpPageFetcher, url: str) -> FetchFailed:
    with pytest.raises(FetchFailed) as caught:
        await fetcher.page(url)
    return caught.value


@pytest.mark.parametrize(
    ("habit", "code", "transient"),
    [
        ("empty", "empty_page", False),
        ("blank", "empty_page", False),
        ("pdf", "broken_pdf", False),
        ("pdf_called_html", "broken_pdf", False),
        ("cut_pdf", "broken_pdf", False),
        ("encrypted_pdf", "encrypted_pdf", False),
        ("pdf_without_text", "empty_page", False),
        ("image", "not_html", False),
        ("image_called_html", "not_html", False),
        ("fifty_megabytes", "too_large", False),
        ("circle", "too_many_redirects", False),
        ("further_and_further", "too_many_redirects", False),
        ("to_a_file", "invalid_url", False),
        ("to_no_address", "invalid_url", False),
        ("hang", "timeout", True),
        ("drip", "timeout", True),
        ("endless_headers", "protocol", True),
        ("gibberish", "protocol", True),
        ("hangs_up", "protocol", True),
        ("gzip_bomb", "too_large", False),
        ("broken_gzip", "unsupported_encoding", False),
        ("unknown_encoding", "unsupported_encoding", False),
        ("forbids_all", "robots_denied", False),
        ("robots_fail", "http_503", True),
    ],
)
async def test_a_bad_site_is_given_up_soon_and_says_why(
    hostile: Any, fetcher: HttpPageFetcher, habit: str, code: str, transient: bool
) -> None:
    with hostile.served(hostile.HABITS[habit]) as site:
        began = time.monotonic()
        failed = await failure(fetcher, f"{site.url}/")
        assert time.monotonic() - began < SECONDS + 2
        assert (failed.code, failed.transient) == (code, transient)
        assert site.url in failed.reason


async def test_a_site_that_is_down_may_come_back(fetcher: HttpPageFetcher) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        failed = await failure(fetcher, f"http://127.0.0.1:{port}/")
    assert (failed.code, failed.transient) == ("connect", True)


async def test_a_name_that_does_not_exist_is_not_asked_for_again(fetcher: HttpPageFetcher) -> None:
    failed = await failure(fetcher, "http://no-such-name.invalid/")
    assert (failed.code, failed.transient) == ("dns", False)


async def test_a_resolver_that_does_not_answer_may_come_back(
    fetcher: HttpPageFetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_args: Any, **_options: Any) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", away)
    failed = await failure(fetcher, "http://workshop.test/")
    assert (failed.code, failed.transient) == ("dns", True)


@pytest.mark.parametrize(
    "url",
    [
        "http://[bad",
        "http://",
        "ftp://x.test/",
        "nonsense",
        "http://\u2100.test/",
        "http://127.0.0.1:99999999/",
    ],
)
async def test_what_is_no_address_is_not_read(fetcher: HttpPageFetcher, url: str) -> None:
    failed = await failure(fetcher, url)
    assert (failed.code, failed.transient) == ("invalid_url", False)


async def test_a_port_without_tls_is_not_asked_again_for_https(
    hostile: Any, fetcher: HttpPageFetcher
) -> None:
    with hostile.served(hostile.ordinary) as site:
        failed = await failure(fetcher, site.url.replace("http:", "https:"))
    assert (failed.code, failed.transient) == ("tls", False)


async def test_a_tls_handshake_that_hangs_is_given_up(hostile: Any, fetcher: HttpPageFetcher) -> None:
    with hostile.served(hostile.hang) as site:
        failed = await failure(fetcher, site.url.replace("http:", "https:"))
    assert (failed.code, failed.transient) == ("timeout", True)


@pytest.mark.parametrize("habit", ["fifty_megabytes", "sitemap_huge"])
async def test_reading_stops_at_the_cap(hostile: Any, fetcher: HttpPageFetcher, habit: str) -> None:
    with hostile.served(hostile.HABITS[habit]) as site:
        if habit == "sitemap_huge":
            await fetcher.sitemap(site.url, limit=10)
        else:
            await failure(fetcher, f"{site.url}/")
        in_buffers = 16 * MEGABYTE
        assert site.sent < http_get.MOST_BYTES + in_buffers


async def test_packed_pages_are_unpacked_no_further_than_the_cap(hostile: Any, monkeypatch: Any) -> None:
    """Every step of unpacking asks for no more than what is left."""
    unpacked: list[int] = []

    class Counting:
        def __init__(self, bits: int) -> None:
            self._inner = zlib_object(bits)

        def decompress(self, data: bytes, most: int) -> bytes:
            part = self._inner.decompress(data, most)
            unpacked.append(len(part))
            return part

    zlib_object = http_get.zlib.decompressobj
    monkeypatch.setattr(http_get.zlib, "decompressobj", Counting)
    async with HttpPageFetcher("blog-writer/0.1", allowed=LOOPBACK) as fetcher:
        with hostile.served(hostile.HABITS["gzip_bomb"]) as site:
            assert (await failure(fetcher, site.url)).code == "too_large"
    assert sum(unpacked) == http_get.MOST_BYTES + 1


async def test_a_site_that_moved_to_another_host_is_read_there(
    hostile: Any, fetcher: HttpPageFetcher
) -> None:
    with hostile.served(hostile.ordinary) as new:
        target = new.url.replace("127.0.0.1", "localhost") + "/"
        with hostile.served(hostile.moves_to(target)) as old:
            page = await fetcher.page(old.url + "/")
    assert page.url == target
    assert page.title == "The workshop for everyday bicycles"
    assert "/robots.txt" in new.requests, "the new host's rules were not asked"


async def test_a_redirect_does_not_lead_past_the_rules_of_the_other_host(
    hostile: Any, fetcher: HttpPageFetcher
) -> None:
    with (
        hostile.served(hostile.forbids_all) as closed,
        hostile.served(hostile.moves_to(f"{closed.url}/faq")) as open_to_all,
    ):
        failed = await failure(fetcher, f"{open_to_all.url}/")
        assert failed.code == "robots_denied"
        assert "/faq" not in closed.requests


async def test_many_pages_of_hosts_that_redirect_to_one_another_do_not_block_each_other(
    hostile: Any, fetcher: HttpPageFetcher
) -> None:
    with hostile.served(hostile.ordinary) as new, hostile.served(hostile.moves_to(f"{new.url}/faq")) as old:
        urls = [f"{site.url}/{path}" for path in ("faq", "", "?a", "?b", "?c", "?d") for site in (old, new)]
        async with asyncio.timeout(SECONDS + 1):
            found = await asyncio.gather(*map(fetcher.page, urls), return_exceptions=True)
    assert {type(each).__name__ for each in found} <= {"Page", "FetchFailed"}
    assert all(each.code == "http_404" for each in found if isinstance(each, FetchFailed))


async def test_a_site_that_recovers_is_read_then(hostile: Any, fetcher: HttpPageFetcher) -> None:
    with hostile.served(hostile.recovers_after(2)) as site:
        codes = [(await failure(fetcher, site.url)).code for _ in range(2)]
        assert codes == ["http_500", "http_500"]
        assert (await fetcher.page(site.url)).title == "The workshop for everyday bicycles"


@pytest.mark.parametrize(
    "habit", ["latin1_called_utf8", "utf8_called_latin1", "unknown_charset", "slow_charset"]
)
async def test_a_wrong_charset_does_no_harm(hostile: Any, fetcher: HttpPageFetcher, habit: str) -> None:
    with hostile.served(hostile.HABITS[habit]) as site:
        page = await fetcher.page(site.url)
    assert "Unsere Werkstätte für Fahrräder" in page.text


async def test_what_a_page_says_for_machines_can_be_written_again(
    hostile: Any, fetcher: HttpPageFetcher
) -> None:
    with hostile.served(hostile.HABITS["machine_traps"]) as site:
        page = await fetcher.page(site.url)
    again = msgspec.json.decode(msgspec.json.encode(page), type=type(page))
    assert again == page
    assert page.title == "The workshop for everyday bicycles"
    assert "\0" not in str(page.json_ld)


@pytest.mark.parametrize(
    ("habit", "found"),
    [
        ("sitemap_huge", 100),
        ("sitemap_endless", 0),
        ("sitemap_circle", 0),
        ("sitemap_malformed", 2),
        ("sitemap_bomb", 0),
        ("sitemap_laughs", 0),
        ("sitemap_elsewhere", 0),
    ],
)
async def test_a_bad_sitemap_gives_the_pages_it_can(
    hostile: Any, fetcher: HttpPageFetcher, habit: str, found: int
) -> None:
    with hostile.served(hostile.HABITS[habit]) as site:
        began = time.monotonic()
        pages = await fetcher.sitemap(site.url, limit=100)
        assert time.monotonic() - began < 10
        assert len(pages) == found
        assert all(page.startswith(f"{site.url}/page-") for page in pages)
        assert len(site.requests) <= 22


async def test_a_cancelled_reading_of_sitemaps_asks_for_no_more(
    hostile: Any, fetcher: HttpPageFetcher
) -> None:
    async def slow(site: Any, path: str) -> None:
        await asyncio.sleep(0.05)
        await hostile.HABITS["sitemap_endless"](site, path)

    with hostile.served(slow) as site:
        reading = asyncio.ensure_future(fetcher.sitemap(site.url, limit=100))
        async with asyncio.timeout(10):
            while len(site.requests) < 4:
                await asyncio.sleep(0.01)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        seen = len(site.requests)
        await asyncio.sleep(0.4)
        assert len(site.requests) <= seen + 1


@pytest.mark.parametrize("habit", ["readable_pdf", "readable_pdf_called_html", "owned_pdf"])
async def test_a_pdf_is_read_like_a_page(hostile: Any, fetcher: HttpPageFetcher, habit: str) -> None:
    with hostile.served(hostile.HABITS[habit]) as site:
        page = await fetcher.page(f"{site.url}/chains.pdf")
    assert (page.title, page.author) == ("Chains in numbers", "Ada Quill")
    assert "replaced in half an hour with a chain tool" in page.text
    assert "Worn sprockets wear a new chain" in page.text


async def test_of_a_long_pdf_the_first_pages_are_read(hostile: Any, fetcher: HttpPageFetcher) -> None:
    document = hostile.pdf(*(f"This is page {number}." for number in range(pdf.MOST_PAGES + 5)))
    with hostile.served(hostile.answers(document, "application/pdf")) as site:
        page = await fetcher.page(f"{site.url}/long.pdf")
    assert page.title == "long.pdf"
    assert f"This is page {pdf.MOST_PAGES - 1}." in page.text
    assert f"This is page {pdf.MOST_PAGES}." not in page.text


async def test_no_more_requests_at_once_and_in_a_second_than_a_host_should_bear(
    hostile: Any, fetcher: HttpPageFetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetcher, "_hosts", Hosts(at_once=2, per_second=20, burst=3))
    running: list[int] = [0, 0]

    async def busy(site: Any, _path: str) -> None:
        running[0] += 1
        running[1] = max(running)
        await asyncio.sleep(0.15)
        running[0] -= 1
        await site.answer(b"<html><body><p>A bicycle chain lasts long.</p></body></html>")

    with hostile.served(hostile.only_pages(busy)) as site:
        began = time.monotonic()
        await asyncio.gather(*(fetcher.page(f"{site.url}/{number}") for number in range(9)))
        took = time.monotonic() - began
    assert running[1] == 2
    assert took >= (1 + 9 - 3) / 20, "robots.txt and nine pages, of which three go at once"


async def test_the_rules_of_a_site_are_asked_for_once_for_pages_that_are_wanted_together(
    hostile: Any, fetcher: HttpPageFetcher
) -> None:
    with hostile.served(hostile.ordinary) as site:
        await asyncio.gather(*(fetcher.page(site.url + path) for path in hostile.PAGES))
        assert site.requests.count("/robots.txt") == 1
