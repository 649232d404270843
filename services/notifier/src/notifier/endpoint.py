"""One POST to a client's address, and how it went."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterator, Mapping

import httpx

from chassis import egress
from contracts.webhooks import PORTS
from notifier.deliveries import Outcome

ANSWER_LIMIT = 16 * 1024
"""Bytes of an answer that are read before the connection is closed."""


def new_client(allowed: tuple[egress.Network, ...]) -> httpx.AsyncClient:
    """Return a client that connects to public addresses and ``allowed`` ones, and keeps no connection open."""
    return egress.new_client(
        egress.Rules(PORTS, allowed),
        plain=egress.Rules(frozenset(), allowed),
        timeout=httpx.Timeout(None),  # the whole attempt has one deadline, in post
        limits=httpx.Limits(
            max_connections=None, max_keepalive_connections=0
        ),  # the sender has its own bounds
        headers={"user-agent": "blog-writer", "accept": "*/*"},
    )


async def post(
    client: httpx.AsyncClient, url: str, headers: Mapping[str, str], body: bytes, timeout_seconds: float
) -> Outcome:
    """Post ``body`` and say how it went. Never raises for what the address or the network does."""
    if not _can_be_called(url):
        return Outcome(reason="invalid_url")
    outcome = None
    try:
        async with (
            asyncio.timeout(timeout_seconds),
            client.stream("POST", url, content=body, headers=dict(headers)) as response,
        ):
            outcome = _answered(response)
            await _read(response)
    except httpx.InvalidURL:
        return Outcome(reason="invalid_url")
    except (httpx.TransportError, TimeoutError, OSError) as error:
        # Once there is a status, the answer is given, whatever becomes of the rest of it.
        return outcome or Outcome(reason=reason_of(error))
    return outcome


def _can_be_called(url: str) -> bool:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        return False
    return parsed.scheme in {"http", "https"} and bool(parsed.host) and (parsed.port or 1) < 2**16


def _answered(response: httpx.Response) -> Outcome:
    return Outcome(
        reason="delivered" if response.is_success else f"http_{response.status_code}",
        status_code=response.status_code,
        retry_after=response.headers.get("retry-after"),
    )


async def _read(response: httpx.Response) -> None:
    size = 0
    async for chunk in response.aiter_raw():
        size += len(chunk)
        if size >= ANSWER_LIMIT:
            return


def reason_of(error: BaseException) -> str:
    """Return the code of what stopped a POST before there was a status."""
    causes = list(_causes(error))
    for kind, reason in (
        (egress.AddressBlocked, "ssrf_blocked"),
        (socket.gaierror, "dns"),
        (ssl.SSLError, "tls"),
        ((TimeoutError, httpx.TimeoutException), "timeout"),
        (httpx.ConnectError, "connect"),
    ):
        if any(isinstance(cause, kind) for cause in causes):
            return reason
    return "disconnected"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
