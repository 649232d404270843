"""Addresses that no webhook could ever be delivered to: refused at the door, where somebody reads the reason.

This is a kindness, not the guard: the notifier resolves and checks every address before each attempt.
"""

from __future__ import annotations

import contextlib
import socket
from ipaddress import IPv4Address, ip_address

import httpx

from chassis.egress import HOST, Address, Network, Rules
from contracts.webhooks import PORTS
from gateway.errors import Refusal

SOME_PUBLIC_ADDRESS = IPv4Address("1.1.1.1")
"""Stands for what a name may resolve to, at best."""
LOOPBACK = IPv4Address("127.0.0.1")


class CallbackRules:
    """Which addresses webhooks may go to.

    ``allowed`` networks may be called although they are not public, at any port and without TLS.
    """

    def __init__(self, allowed: tuple[Network, ...] = ()) -> None:
        self._allowed = allowed

    def check(self, url: str | None, field: str) -> None:
        """Raise Refusal (422) for an address that can never be called."""
        if url is not None and (why := never(url, self._allowed)) is not None:
            raise Refusal(422, "callback_not_allowed", f"{field} can never be called: {why}", field)


def never(url: str, allowed: tuple[Network, ...]) -> str | None:
    """Return why no webhook can ever go to ``url``, or None when one may: a name is not resolved here."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        return f"it is no address ({error})"
    if not HOST.fullmatch(parsed.raw_host):
        return "it has characters that no host has"
    if parsed.userinfo:
        return "a user name in it is not allowed"
    port = parsed.port or (443 if parsed.scheme == "https" else 80)
    if port >= 2**16:
        return "it names no port"
    rules = Rules(PORTS if parsed.scheme == "https" else frozenset(), allowed)
    address = _literal(parsed.host)
    if address is None and parsed.host.lower() == "localhost" and not allowed:
        address = LOOPBACK
    if address is None:
        return None if allowed else _explained(rules.refusal(SOME_PUBLIC_ADDRESS, port), parsed.scheme)
    return _explained(rules.refusal(address, port), parsed.scheme)


def _literal(host: str) -> Address | None:
    """Return the address that a host is, however it is spelt (0x7f.1, 2130706433), or None for a name."""
    with contextlib.suppress(ValueError):
        return ip_address(host)
    try:
        return IPv4Address(socket.inet_aton(host))
    except (OSError, UnicodeError):
        return None


def _explained(why: str | None, scheme: str) -> str | None:
    if why is None:
        return None
    if scheme == "http" and why.startswith("the port"):
        return "public addresses are called by https only"
    if why.startswith("the port"):
        return f"{why}: {', '.join(map(str, sorted(PORTS)))}"
    return f"{why}; BLOG_WRITER_ALLOW_PRIVATE_NETWORKS lists the exceptions"
