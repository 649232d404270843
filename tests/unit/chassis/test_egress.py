"""Which addresses count as public, and which networks may be allowed."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from chassis import egress
from chassis.errors import SettingsError

BLOCKED = """
0.0.0.0 0.255.255.255 10.0.0.0 10.255.255.255 100.64.0.0 100.127.255.255 127.0.0.1 127.255.255.255 169.254.0.1
169.254.169.254 172.16.0.0 172.31.255.255 192.0.0.1 192.0.0.9 192.0.2.1 192.31.196.1 192.52.193.1 192.88.99.1 192.168.0.0
192.168.255.255 192.175.48.1 198.18.0.0 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1
255.255.255.255 168.63.129.16 100.100.100.200
:: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 64:ff9b::7f00:1 64:ff9b:1::1 100::1
2001:: 2001:0:7f00:1::1 2001:20::1 2001:db8::1 2002:7f00:1:: 2620:4f:8000::1 3fff::1 4000::1 5f00::1 fc00::1 fd00:ec2::254
fe80::1 fec0::1 ff02::1 ff0e::1
""".split()  # noqa: SIM905  a table to be read
PUBLIC = """
1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 93.184.216.34 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 168.63.129.15
168.63.129.17 169.253.255.255 172.15.255.255 172.32.0.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0
223.255.255.255 ::ffff:8.8.8.8 2606:4700:4700::1111 2001:4860:4860::8888 2a00:1450:4001:80b::200e 2620:4f:7fff::1
""".split()  # noqa: SIM905  a table to be read
WEB = egress.Rules(frozenset({443}), (ip_network("10.1.0.0/16"), ip_network("fd00::/8")))


@pytest.mark.parametrize("address", BLOCKED)
def test_an_address_that_is_not_public_is_known(address: str) -> None:
    assert not egress.is_public(ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_known_even_beside_a_blocked_network(address: str) -> None:
    assert egress.is_public(ip_address(address))


@pytest.mark.parametrize(
    ("address", "port", "may"),
    [
        ("8.8.8.8", 443, True),
        ("8.8.8.8", 22, False),
        ("8.8.8.8", 80, False),
        ("10.1.2.3", 443, True),
        ("10.1.2.3", 9000, True),
        ("10.2.0.1", 443, False),
        ("fd12::1", 25, True),
        ("fe80::1", 443, False),
    ],
)
def test_public_addresses_have_few_ports_and_allowed_networks_all(address: str, port: int, may: bool) -> None:
    assert (WEB.refusal(ip_address(address), port) is None) is may


def test_nothing_is_allowed_unless_it_is_said() -> None:
    assert egress.networks((), "X") == ()


@pytest.mark.parametrize("text", ["127.0.0.1/8", "localhost", "10.0.0.0/33", "*"])
def test_a_wrong_network_is_named(text: str) -> None:
    with pytest.raises(SettingsError, match="ALLOW_THEM: "):
        egress.networks(("10.0.0.0/8", text), "ALLOW_THEM")
