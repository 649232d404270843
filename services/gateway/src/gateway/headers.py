"""Headers that every answer has."""

from __future__ import annotations

from litestar.datastructures import MutableScopeHeaders
from litestar.types import Message, Scope

from gateway.rates import Verdict, rate_headers

RATE = "rate"
"""Where the guard leaves its verdict in a request's state."""

DEFAULTS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
"""What an answer has unless its route says otherwise: no guessing of types, no frames, no addresses (they may hold a
token) to other sites, and nothing of a tenant's in a shared cache."""

DOCUMENT = {
    "Content-Security-Policy": "default-src 'none'; img-src *; style-src 'unsafe-inline'; sandbox allow-popups"
}
"""Of what was made from strangers' pages and is shown from the API's own address: nothing in it may run."""


async def add_headers(message: Message, scope: Scope) -> None:
    """Put them on the start of an answer."""
    if message["type"] != "http.response.start":
        return
    headers = MutableScopeHeaders.from_message(message)
    for name, value in DEFAULTS.items():
        headers.setdefault(name, value)
    verdict = scope.get("state", {}).get(RATE)
    if isinstance(verdict, Verdict):
        headers.update(rate_headers(verdict))
