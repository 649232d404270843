"""Addresses written so that they are not seen for what they are: none is connected to, by either who connects."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from chassis import egress
from notifier import endpoint
from stage_workers.adapters.pages import HttpPageFetcher
from stage_workers.errors import FetchFailed

SPELLINGS_OF_ADDRESSES = """
127.0.0.1 127.0.0.2 127.1 127.0.1 127.2 127.255.255.254 2130706433 2130706434 017700000001 0x7f000001 0x7f000002
0x7F.0x0.0x0.0x1 0x7f.1 0177.1 0177.0x0.1 127.0.0.0x1 127.0x0.2 00000177.1 0x7f.0.0.2 0 00 0x0 0.0.0.0
10.0.0.1 10.1 0xa000001 167772161 172.16.0.1 172.31.255.255 192.168.0.1 192.168.257 3232235521 100.64.0.1
169.254.169.254 2852039166 0xa9fea9fe 169.254.43518 169.254.170.2 100.100.100.200 168.63.129.16 192.0.0.192 198.18.0.1
224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255
[::1] [0:0:0:0:0:0:0:1] [0000::0001] [::] [::ffff:127.0.0.1] [::ffff:7f00:2] [0:0:0:0:0:ffff:127.0.0.2] [::127.0.0.1]
[64:ff9b::7f00:1] [64:ff9b:1::7f00:1] [2002:7f00:1::] [2001:0:7f00:1::1] [fc00::1] [fd00:ec2::254] [fe80::1] [fec0::1]
[ff02::1] [2001:db8::1] [100::1] [5f00::1] [3fff::1] [2620:4f:8000::1]
localhost LOCALHOST LocalHost
127。0。0。1 127｡0｡0｡2 127\uff0e0\uff0e0\uff0e1
""".split()  # noqa: SIM905  forms to be read beside one another
MADE_TO_BE_MISREAD = """
user@127.0.0.1 user:word@127.0.0.1 example.com@127.0.0.1 example.com:80@127.0.0.1 example.com\\@127.0.0.1
127.0.0.1\\@example.com 127.0.0.1@example.com user@@127.0.0.1
""".split()  # noqa: SIM905  forms to be read beside one another
NO_ADDRESSES = [
    *("0177.0.0.1", "0177.0.0.2", "127.0.0.01", "0251.0376.0251.0376", "256.0.0.1"),
    *("[127.0.0.1]", "[::1", "[::ffff:127.0.0.1.1]", "[::1]]"),
    *("127.0.0.1\0", "127.0.0.1\x7f", "127.0.0.1\x1f"),
    *("example.com%40127.0.0.1", "127.0.0.1%00.example.com", "127.0.0.1%2f", "127.0.0.1%09", "[::1%25lo]"),
    *("example.com\\.127.0.0.1", "+127.0.0.1", "127.0.0.1 x", "127.0.0.1,127.0.0.2"),
    *("①②⑦.⓪.⓪.①", "⑯⑨.②⑤④.⑯⑨.②⑤④", "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ"),
    "\uff11\uff12\uff17.\uff10.\uff10.\uff11",  # fullwidth
    "\u0661\u0662\u0667.\u0660.\u0660.\u0661",  # Arabic
]
WITH_A_DOT_AT_THE_END = ["127.0.0.1.", "localhost.", "127.0.0.2.", "2130706433.", "0x7f.1."]
"""Some resolvers take them for names that do not exist."""
DEVANAGARI = "\u0967\u0968\u096d.\u0966.\u0966.\u0967"
"""Letters of a name as good as any."""
CUT_SHORT = ["127.0.0.1\t", "127.0.0.1\r\n"]
"""Some parsers leave out what others do not take."""
FORMS = [
    *((host, {"ssrf_blocked"}) for host in SPELLINGS_OF_ADDRESSES),
    *((host, {"ssrf_blocked"}) for host in MADE_TO_BE_MISREAD),
    *((host, {"invalid_url", "ssrf_blocked"}) for host in CUT_SHORT),
    (DEVANAGARI, {"dns"}),
    *((host, {"invalid_url"}) for host in NO_ADDRESSES),
    *((host, {"dns", "ssrf_blocked"}) for host in WITH_A_DOT_AT_THE_END),
]
PAGE_CODES = {"ssrf_blocked": "blocked_address"}


def names() -> list[str]:
    return [ascii(host) for host, _ in FORMS]


def test_there_are_many_forms() -> None:
    assert len({host for host, _ in FORMS}) >= 100


@pytest.mark.parametrize(("host", "reasons"), FORMS, ids=names())
async def test_no_webhook_goes_there(canaries: Any, host: str, reasons: set[str]) -> None:
    async with endpoint.new_client(()) as client:
        outcome = await endpoint.post(client, f"http://{host}:{canaries.port}/", {}, b"{}", 5)
    assert outcome.reason in reasons
    assert canaries.seen == []


@pytest.mark.parametrize(("host", "reasons"), FORMS, ids=names())
async def test_no_page_is_read_there(canaries: Any, host: str, reasons: set[str]) -> None:
    async with HttpPageFetcher("blog-writer/0.1", 5) as fetcher:
        with pytest.raises(FetchFailed) as caught:
            await fetcher.page(f"http://{host}:{canaries.port}/")
    assert caught.value.code in {PAGE_CODES.get(reason, reason) for reason in reasons}
    assert not caught.value.transient
    assert canaries.seen == []


async def test_it_is_the_address_that_is_blocked_and_not_the_port(canaries: Any) -> None:
    rules = egress.Rules(frozenset({canaries.port}))
    async with egress.new_client(rules, httpx.Timeout(5), httpx.Limits(), {}) as client:
        for host in SPELLINGS_OF_ADDRESSES:
            with pytest.raises(egress.AddressBlocked, match="not public"):
                await client.get(f"http://{host}:{canaries.port}/")
    assert canaries.seen == []


async def test_an_address_longer_than_any_is_not_called(canaries: Any) -> None:
    rules = egress.Rules(frozenset(), egress.networks(("127.0.0.0/8",), ""))
    async with egress.new_client(rules, httpx.Timeout(5), httpx.Limits(), {}) as client:
        with pytest.raises(egress.AddressBlocked, match="too long"):
            await client.get(f"http://127.0.0.1:{canaries.port}/{'a' * 2048}")


async def test_what_is_refused_tells_a_stranger_nothing_of_the_network(canaries: Any) -> None:
    async with HttpPageFetcher("blog-writer/0.1", 5) as fetcher:
        with pytest.raises(FetchFailed) as caught:
            await fetcher.page(f"http://localhost:{canaries.port}/")
    assert "127.0.0.1" not in caught.value.reason


async def test_the_canaries_see_who_is_allowed(canaries: Any) -> None:
    """Without this, nothing above would show anything."""
    async with endpoint.new_client(egress.networks(("127.0.0.0/8",), "")) as client:
        for host in ("127.1", "0x7f000002", "[::ffff:7f00:2]"):
            outcome = await endpoint.post(client, f"http://{host}:{canaries.port}/", {}, b"{}", 5)
            assert outcome.reason == "delivered"
    assert canaries.seen == ["127.0.0.1", "127.0.0.2", "127.0.0.2"]
