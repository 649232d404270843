"""One bounded HTTP GET: redirects by hand, a total deadline, a cap on decoded bytes, guarded connections."""

from __future__ import annotations

import asyncio
import socket
import ssl
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from urllib.parse import urljoin, urlsplit

import httpx
import msgspec

from chassis import egress
from stage_workers.errors import FetchFailed

TOTAL_SECONDS = 20.0
"""For everything: connecting, redirects, headers, body; unless the caller says otherwise."""
MOST_BYTES = 5 * 1024 * 1024
"""Of a decoded body: sitemaps of ordinary sites have so much."""
MOST_REDIRECTS = 3
PORTS = frozenset({80, 443, 8443})
"""Of public sites."""
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_UNKNOWN_NAME = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})
"""What a resolver says of names that do not exist; other failures of it may pass."""
_DECODERS = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


class Fetched(msgspec.Struct, frozen=True):
    """An answer with status 2xx."""

    url: str
    """Where it came from, after redirects."""
    content_type: str
    """Lower case, without parameters."""
    charset: str | None
    body: bytes


def new_client(user_agent: str, seconds: float, allowed: tuple[egress.Network, ...]) -> httpx.AsyncClient:
    """Return the client that all page requests go through: to public addresses, and ``allowed`` ones. Its own limits are reached before ``seconds``: what
    it gives up itself, it closes itself."""
    return egress.new_client(
        egress.Rules(PORTS, allowed),
        timeout=httpx.Timeout(seconds / 2, connect=seconds / 4),
        limits=httpx.Limits(max_connections=50, max_keepalive_connections=10),
        headers={"User-Agent": user_agent, "Accept": "text/html,*/*;q=0.5"},
    )


Turn = Callable[[str], AbstractAsyncContextManager[None]]
"""What is entered around each single request of a redirect chain: it may wait, or raise FetchFailed."""


async def get(client: httpx.AsyncClient, url: str, turn: Turn, seconds: float = TOTAL_SECONDS) -> Fetched:
    """Return the answer at ``url``. Raises FetchFailed with a code that says why there is none."""
    try:
        async with asyncio.timeout(seconds):
            return await _follow(client, url, turn)
    except TimeoutError as error:
        raise FetchFailed(url, "timeout", f"{url} did not answer in {seconds:g} s", transient=True) from error
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError) as error:
        raise FetchFailed(
            url, "invalid_url", f"{url} is no address to read: {error}", transient=False
        ) from error
    except httpx.TimeoutException as error:
        raise FetchFailed(url, "timeout", f"{url} did not answer in time", transient=True) from error
    except egress.AddressBlocked as error:
        reason = f"{url} is, or leads to, an address that must not be read"
        raise FetchFailed(url, "blocked_address", reason, transient=False) from error
    except httpx.HTTPError as error:
        raise _connection_failure(url, error) from error


async def _follow(client: httpx.AsyncClient, url: str, turn: Turn) -> Fetched:
    seen = [url]
    while True:
        async with turn(seen[-1]), client.stream("GET", seen[-1]) as response:
            location = response.headers.get("location")
            if response.status_code not in _REDIRECTS or not location:
                return await _read(response, str(response.url))
        seen.append(_target(seen, location))


def _target(seen: list[str], location: str) -> str:
    """Return where a redirect leads. Raises FetchFailed when it leads nowhere, or on and on."""
    url = seen[0]
    try:
        target = urljoin(seen[-1], location)
        before, after = urlsplit(seen[-1]).scheme, urlsplit(target).scheme
        known = after in {"http", "https"} and (before, after) != ("https", "http")
    except ValueError:
        target, known = location, False
    if not known:
        raise FetchFailed(url, "invalid_url", f"{url} redirects to {target[:200]}", transient=False)
    if target in seen or len(seen) > MOST_REDIRECTS:
        reason = f"{url} redirects more than {MOST_REDIRECTS} times or in a circle"
        raise FetchFailed(url, "too_many_redirects", reason, transient=False)
    return target


async def _read(response: httpx.Response, url: str) -> Fetched:
    status = response.status_code
    if not response.is_success:
        transient = status >= 500 or status in {408, 425, 429}  # noqa: PLR2004  server errors
        raise FetchFailed(url, f"http_{status}", f"{url} answered {status}", transient=transient)
    body = b"".join([part async for part in _decoded(response, url)])
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    return Fetched(url, kind, response.charset_encoding, body)


async def _decoded(response: httpx.Response, url: str) -> AsyncIterator[bytes]:
    """Yield the body, never decoding more than is allowed: a few bytes of gzip can hold gigabytes."""
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"identity", "", *_DECODERS}:
        raise FetchFailed(url, "unsupported_encoding", f"{url} is encoded as {encoding}", transient=False)
    decoder = zlib.decompressobj(_DECODERS[encoding]) if encoding in _DECODERS else None
    left = MOST_BYTES
    async for part in response.aiter_raw():
        try:
            data = part if decoder is None else decoder.decompress(part, left + 1)
        except zlib.error as error:
            raise FetchFailed(
                url, "unsupported_encoding", f"{url} is no valid {encoding}", transient=False
            ) from error
        left -= len(data)
        if left < 0:
            raise FetchFailed(url, "too_large", f"{url} is larger than {MOST_BYTES} bytes", transient=False)
        yield data


def _connection_failure(url: str, error: httpx.HTTPError) -> FetchFailed:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, socket.gaierror):
            passing = cause.errno not in _UNKNOWN_NAME
            return FetchFailed(
                url, "dns", f"the name in {url} cannot be resolved: {cause}", transient=passing
            )
        if isinstance(cause, ssl.SSLError):
            return FetchFailed(url, "tls", f"{url} has no valid certificate: {cause}", transient=False)
        cause = cause.__cause__ or cause.__context__
    reason = str(error) or type(error).__name__
    if isinstance(error, httpx.ProtocolError):
        return FetchFailed(url, "protocol", f"{url} does not answer in HTTP: {reason}", transient=True)
    return FetchFailed(url, "connect", f"{url} cannot be reached: {reason}", transient=True)
