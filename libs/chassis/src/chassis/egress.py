"""Connections to places that strangers name: a name is resolved here, every address that it has is checked, and the
checked address is what is dialled, so that no second look-up can lead elsewhere.

A check of the text of an address would be no use: ``0x7f.1``, ``2130706433`` and ``127。0。0。1`` are all 127.0.0.1.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import httpcore
import httpx
import msgspec

from chassis import logs
from chassis.errors import SettingsError

log = logs.get_logger(__name__)

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Returns the addresses of a host. Raises socket.gaierror."""

CONNECT_SECONDS = 5.0
"""For connecting, where the request has no limit of its own."""
MOST_DIALLED = 3
"""Addresses of one name that are tried."""
LONGEST_URL = 2048

# ipaddress's is_global alone lets through multicast, relays of IPv6 and a cloud's own servers, some versions more.
_BLOCKED_V4 = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
            "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16",
            "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
            "168.63.129.16/32",  # Azure's wire server
        ),
    )
)  # fmt: skip
_PUBLIC_V6 = IPv6Network("2000::/3")
"""What lies outside of it is local, multicast, or IPv4 in disguise."""
_BLOCKED_V6 = tuple(
    map(IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20"))
)
HOST = re.compile(rb"[A-Za-z0-9._:-]+")
_RESOLVERS = ThreadPoolExecutor(64, "resolver")
"""A look-up that nobody waits for any more still holds its thread, for as long as the system's resolver tries."""


class AddressBlocked(httpx.TransportError):
    """A place that must not be connected to. Another attempt would find it no different."""


class Rules(msgspec.Struct, frozen=True):
    """What may be connected to."""

    ports: frozenset[int]
    """Of public addresses."""
    allowed: tuple[Network, ...] = ()
    """Networks that may be reached although they are not public, at any port."""

    def refusal(self, address: Address, port: int) -> str | None:
        """Return why there must be no connection, or None when there may."""
        if any(address in network for network in self.allowed):
            return None
        if not is_public(address):
            return "the address is not public"
        return None if port in self.ports else "the port is not one of those allowed"


def is_public(address: Address) -> bool:
    """Whether an address is one of the open internet; IPv4 in IPv6 is what it stands for."""
    address = _unmapped(address)
    if isinstance(address, IPv4Address):
        return address.is_global and not any(address in network for network in _BLOCKED_V4)
    blocked = any(address in network for network in _BLOCKED_V6)
    return address.is_global and address in _PUBLIC_V6 and not blocked


def networks(texts: Iterable[str], variable: str) -> tuple[Network, ...]:
    """Read networks written like 10.0.0.0/8. Raises SettingsError that names ``variable``."""
    try:
        return tuple(ip_network(text) for text in texts)
    except ValueError as error:
        raise SettingsError(f"{variable}: {error}; write networks like 10.0.0.0/8") from error


def new_client(
    rules: Rules,
    timeout: httpx.Timeout,
    limits: httpx.Limits,
    headers: Mapping[str, str],
    plain: Rules | None = None,
) -> httpx.AsyncClient:
    """Return a client that connects by ``rules``, follows no redirects, obeys no environment, asks for no packing.

    ``plain`` are the rules for connections without TLS, where they are others.
    """
    return httpx.AsyncClient(
        transport=GuardedTransport(GuardedBackend(rules), limits),
        mounts={"http://": GuardedTransport(GuardedBackend(plain or rules), limits)},
        follow_redirects=False,
        trust_env=False,
        timeout=timeout,
        headers={"Accept-Encoding": "identity", **headers},
    )


async def resolve(host: str, port: int) -> list[str]:
    """Ask the system's resolver, in threads of its own: slow names must not hold up what else waits for a thread."""
    look_up = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    try:
        found = await asyncio.get_running_loop().run_in_executor(_RESOLVERS, look_up)
    except UnicodeError as error:
        raise socket.gaierror(socket.EAI_NONAME, str(error)) from error
    return list(dict.fromkeys(str(each[4][0]) for each in found))


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Dials what the rules allow; a name that has a single address they forbid is not dialled at all."""

    def __init__(
        self, rules: Rules, look_up: Resolve = resolve, backend: httpcore.AsyncNetworkBackend | None = None
    ) -> None:
        self._rules = rules
        self._resolve = look_up
        self._backend = backend or httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  the base class's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """See httpcore. Raises AddressBlocked."""
        seconds = timeout or CONNECT_SECONDS
        addresses = await self._addresses(host, port, seconds)
        self._check(host, port, addresses)
        *others, last = addresses[:MOST_DIALLED]
        share = seconds / (len(others) + 1)
        for other in others:
            with contextlib.suppress(httpcore.ConnectError, httpcore.ConnectTimeout):
                return await self._backend.connect_tcp(str(other), port, share, local_address, socket_options)
        return await self._backend.connect_tcp(str(last), port, share, local_address, socket_options)

    async def _addresses(self, host: str, port: int, seconds: float) -> list[Address]:
        try:
            async with asyncio.timeout(seconds):
                found = await self._resolve(host, port)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(f"the name was not resolved in {seconds:g} s") from error
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error
        if not found:
            raise httpcore.ConnectError("the name has no address")
        return [_unmapped(ip_address(text)) for text in found]

    def _check(self, host: str, port: int, addresses: Sequence[Address]) -> None:
        for address in addresses:
            if (why := self._rules.refusal(address, port)) is not None:
                log.warning("connection_blocked", host=host, address=str(address), port=port, reason=why)
                raise AddressBlocked(why)

    async def connect_unix_socket(
        self,
        path: str,  # noqa: ARG002
        timeout: float | None = None,  # noqa: ARG002, ASYNC109  the base class's signature
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,  # noqa: ARG002
    ) -> httpcore.AsyncNetworkStream:
        """Refuse: what lies behind a path is never public."""
        raise AddressBlocked("sockets of this machine are not allowed")

    async def sleep(self, seconds: float) -> None:
        """See httpcore."""
        await asyncio.sleep(seconds)


class GuardedTransport(httpx.AsyncHTTPTransport):
    """httpx's own transport over a backend of ours, which it has no parameter for."""

    def __init__(self, backend: GuardedBackend, limits: httpx.Limits) -> None:
        context = httpx.create_ssl_context(trust_env=False)
        super().__init__(verify=context, trust_env=False)
        if type(self._pool) is not httpcore.AsyncConnectionPool:
            raise TypeError("this httpx does not connect through _pool; the guard would guard nothing")
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=context,
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            network_backend=backend,
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """See httpx. Raises AddressBlocked or httpx.InvalidURL for what is made to be misread, by people or parsers."""
        if request.url.userinfo:
            raise AddressBlocked("an address with a user name is not allowed")
        if not HOST.fullmatch(request.url.raw_host):
            raise httpx.InvalidURL("the host has characters that no name has")
        if len(str(request.url)) > LONGEST_URL:
            raise AddressBlocked("the address is too long")
        return await super().handle_async_request(request)


def _unmapped(address: Address) -> Address:
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
