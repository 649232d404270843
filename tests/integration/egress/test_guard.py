"""What the guard promises beyond single addresses: names, redirects, environments, and answers without end."""

from __future__ import annotations

import asyncio
import gzip
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpcore
import httpx
import pytest

from chassis import egress
from notifier import endpoint
from stage_workers.adapters.pages import HttpPageFetcher
from stage_workers.errors import FetchFailed

PUBLIC, OTHER_PUBLIC = "93.184.216.34", "2606:4700:4700::1111"
WEB = egress.Rules(frozenset({80, 443}))
ONE = egress.networks(("127.0.0.1/32",), "")
LIMITS = httpx.Limits(max_keepalive_connections=0)


class Dialled(httpcore.AsyncNetworkBackend):
    """Answers every connection, and remembers where to it was; some addresses do not answer."""

    def __init__(self, *dead: str) -> None:
        self.addresses: list[str] = []
        self._dead = dead

    async def connect_tcp(self, host: str, *_rest: Any, **_options: Any) -> httpcore.AsyncNetworkStream:
        self.addresses.append(host)
        if host in self._dead:
            raise httpcore.ConnectTimeout
        return httpcore.AsyncMockStream([b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"])


def resolver(*answers: Sequence[str]) -> tuple[list[str], egress.Resolve]:
    """Return a resolver that gives these answers one after the other, and the names that it was asked for."""
    asked: list[str] = []

    async def look_up(host: str, _port: int) -> Sequence[str]:
        asked.append(host)
        return answers[min(len(asked), len(answers)) - 1]

    return asked, look_up


def client(look_up: egress.Resolve, backend: httpcore.AsyncNetworkBackend) -> httpx.AsyncClient:
    guarded = egress.GuardedBackend(WEB, look_up, backend)
    return httpx.AsyncClient(transport=egress.GuardedTransport(guarded, LIMITS))


async def test_a_name_that_changes_its_address_is_dialled_as_it_was_checked() -> None:
    dialled = Dialled()
    asked, look_up = resolver([PUBLIC], ["127.0.0.1"])
    async with client(look_up, dialled) as http:
        await http.get("http://rebind.test/")
        assert (asked, dialled.addresses) == (["rebind.test"], [PUBLIC])
        with pytest.raises(egress.AddressBlocked):
            await http.get("http://rebind.test/")
    assert dialled.addresses == [PUBLIC]


@pytest.mark.parametrize(
    "addresses",
    [
        [PUBLIC, "127.0.0.1"],
        ["10.0.0.1", PUBLIC],
        [PUBLIC, OTHER_PUBLIC, PUBLIC, PUBLIC, "::1"],
        [PUBLIC, "::ffff:127.0.0.1"],
    ],
)
async def test_one_address_that_is_not_public_blocks_the_name(addresses: list[str]) -> None:
    dialled = Dialled()
    async with client(resolver(addresses)[1], dialled) as http:
        with pytest.raises(egress.AddressBlocked):
            await http.get("http://several.test/")
    assert dialled.addresses == []


async def test_an_address_that_does_not_answer_is_followed_by_the_others_of_the_name_a_few_at_most() -> None:
    dialled = Dialled(OTHER_PUBLIC, "1.1.1.1", "8.8.8.8")
    _, look_up = resolver([OTHER_PUBLIC, PUBLIC], ["1.1.1.1", "8.8.8.8", OTHER_PUBLIC, PUBLIC])
    async with client(look_up, dialled) as http:
        assert (await http.get("http://two.test/")).is_success
        assert dialled.addresses == [OTHER_PUBLIC, PUBLIC]
        with pytest.raises(httpx.ConnectTimeout):
            await http.get("http://four.test/")
    assert len(dialled.addresses) == 2 + egress.MOST_DIALLED


async def test_a_name_without_an_address_and_a_resolver_that_hangs_are_failures_to_connect() -> None:
    async def hang(_host: str, _port: int) -> Sequence[str]:
        return await asyncio.Event().wait() or []

    async with client(resolver([])[1], Dialled()) as http:
        with pytest.raises(httpx.ConnectError):
            await http.get("http://none.test/")
    async with client(hang, Dialled()) as http:
        with pytest.raises(httpx.ConnectTimeout):
            await http.get("http://slow.test/", timeout=0.05)


async def test_a_socket_of_this_machine_is_not_opened() -> None:
    with pytest.raises(egress.AddressBlocked):
        await egress.GuardedBackend(WEB).connect_unix_socket("/run/docker.sock")


async def test_no_proxy_of_the_environment_is_used(canaries: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{canaries.port}")
    async with endpoint.new_client(ONE) as http:
        outcome = await endpoint.post(http, "http://127.0.0.1:1/", {}, b"{}", 5)
    assert outcome.reason == "connect"
    assert canaries.seen == []


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_page_that_redirects_to_where_it_must_not_is_not_followed(
    canaries: Any, hostile: Any, scheme: str
) -> None:
    target = f"{scheme}://127.0.0.2:{canaries.port}/latest/meta-data"
    with (
        hostile.served(hostile.moves_to(target)) as second,
        hostile.served(hostile.moves_to(f"{second.url}/x")) as first,
    ):
        async with HttpPageFetcher("blog-writer/0.1", 5, ONE) as fetcher:
            for url in (f"{first.url}/x", f"{second.url}/x"):
                with pytest.raises(FetchFailed) as caught:
                    await fetcher.page(url)
                assert (caught.value.code, caught.value.transient) == ("blocked_address", False)
    assert canaries.seen == []


async def test_a_sitemap_does_not_lead_where_a_page_must_not(canaries: Any, hostile: Any) -> None:
    async def habit(site: Any, path: str) -> None:
        robots = f"Sitemap: http://127.0.0.2:{canaries.port}/sitemap.xml\n"
        await site.answer(robots.encode() if path == "/robots.txt" else b"", "text/plain")

    with hostile.served(habit) as site:
        async with HttpPageFetcher("blog-writer/0.1", 5, ONE) as fetcher:
            assert await fetcher.sitemap(site.url, limit=10) == ()
    assert canaries.seen == []


Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def receiver(answer: Answer) -> AsyncIterator[str]:
    """Serve one way to answer a POST; yield the address."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            await answer(writer)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


async def posted(answer: Answer, seconds: float) -> tuple[str, float]:
    began = time.monotonic()
    async with receiver(answer) as url, endpoint.new_client(ONE) as http:
        outcome = await endpoint.post(http, url, {}, b"{}", seconds)
    return outcome.reason, time.monotonic() - began


async def test_an_answer_that_drips_ends_at_the_deadline() -> None:
    async def drip(writer: asyncio.StreamWriter) -> None:
        for letter in b"HTTP/1.1 200 OK\r\n" + b"X-Slow: yes\r\n" * 1000:
            writer.write(bytes([letter]))
            await writer.drain()
            await asyncio.sleep(0.05)

    reason, seconds = await posted(drip, 0.5)
    assert reason == "timeout"
    assert seconds < 10  # the answer would take a minute


@pytest.mark.parametrize("port", ["", ":443", ":8443"])
async def test_a_webhook_is_not_sent_to_a_public_address_without_tls(port: str) -> None:
    async with endpoint.new_client(ONE) as http:
        outcome = await endpoint.post(http, f"http://93.184.216.34{port}/", {}, b"{}", 5)
    assert outcome.reason == "ssrf_blocked"


async def test_a_redirected_webhook_goes_no_further(canaries: Any) -> None:
    async def moved(writer: asyncio.StreamWriter) -> None:
        target = f"http://127.0.0.1:{canaries.port}/"
        writer.write(f"HTTP/1.1 307 Moved\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n".encode())

    assert (await posted(moved, 5))[0] == "http_307"
    assert canaries.seen == []


async def test_little_of_an_endless_answer_is_read_and_nothing_unpacked() -> None:
    sent = 0
    bomb = gzip.compress(bytes(50_000_000))

    async def endless(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n")
        for _ in range(10_000):
            writer.write(bomb)
            await writer.drain()
            sent += len(bomb)

    reason, seconds = await posted(endless, 5)
    assert reason == "delivered"
    assert sent < 16_000_000
    assert seconds < 5
