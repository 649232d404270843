"""Who may do what: the guard in front of every route."""

from __future__ import annotations

import ipaddress
from typing import Any
from urllib.parse import urlsplit

import msgspec
from litestar import Request
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.types import Method

from chassis.clock import Clock
from contracts.ids import DEFAULT_TENANT
from gateway.errors import Refusal
from gateway.key_store import KnownKeys
from gateway.keys import PREFIX, Scope, Standing, allows, parse_key, standing

OPTION = "access"
PUBLIC = {OPTION: "public"}
"""Of a route that anybody may ask."""
FOR_ADMIN = {OPTION: "admin"}
"""Of a route about the whole installation."""

REALM = 'Bearer realm="blog-writer"'
_READING: frozenset[Method] = frozenset(("GET", "HEAD", "OPTIONS"))


class Identity(msgspec.Struct, frozen=True):
    """Whoever makes a request."""

    tenant: str
    scopes: frozenset[Scope]
    key_id: str | None = None
    """None without keys."""


ANYBODY = Identity(DEFAULT_TENANT, frozenset(Scope))
"""Whoever reaches a gateway that has no keys, which listens on this machine only."""


class Access:
    """Lets requests in. A route asks for a key with ``jobs:read`` or ``jobs:write`` unless its ``opt`` says otherwise."""

    def __init__(self, keys: KnownKeys, clock: Clock, *, open_without_keys: bool) -> None:
        self._keys = keys
        self._clock = clock
        self._open = open_without_keys

    async def guard(self, connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
        """Find out who asks. Raises Refusal (401 or 403)."""
        if handler.opt.get(OPTION) == PUBLIC[OPTION]:
            return
        identity = await self._identify(connection)
        wanted = wanted_scope(str(connection.scope.get("method", "GET")), handler.opt.get(OPTION))
        if not allows(identity.scopes, wanted):
            raise scope_missing(wanted)
        connection.scope["auth"] = identity

    async def _identify(self, connection: ASGIConnection[Any, Any, Any, Any]) -> Identity:
        given = connection.headers.get("authorization")
        if given is None:
            if not self._open or await self._keys.needed():
                raise unauthorised(
                    "key_required", "an API key is needed: Authorization: Bearer " + PREFIX + "_…"
                )
            refuse_foreign(connection.headers.get("host", ""), connection.headers.get("origin"))
            return ANYBODY
        return await self._holder(bearer(given))

    async def _holder(self, text: str) -> Identity:
        key = parse_key(text)
        record = None if key is None else await self._keys.find(key.key_id)
        now = self._clock.now()
        if key is None or record is None or (how := standing(key, record, now)) is Standing.UNKNOWN:
            raise unauthorised("key_invalid", "this is no API key of this installation", error=True)
        if how is not Standing.GOOD:
            raise unauthorised("key_invalid", f"the API key {record.key_id} is {how}", error=True)
        self._keys.use(record.key_id)
        return Identity(record.tenant, record.scopes, record.key_id)


def identity_of(request: Request[Any, Any, Any]) -> Identity:
    """Return who makes a request that the guard has let in."""
    identity: Identity = request.auth
    return identity


def tenant_of(request: Request[Any, Any, Any]) -> str:
    """Return whose jobs a request is about."""
    return identity_of(request).tenant


def wanted_scope(method: str, option: str | None) -> Scope:
    """Return what a route takes."""
    if option == FOR_ADMIN[OPTION]:
        return Scope.ADMIN
    return Scope.JOBS_READ if method in _READING else Scope.JOBS_WRITE


def bearer(header: str) -> str:
    """Return the credentials of an Authorization header. Raises Refusal (401) when they are of another kind."""
    kind, _, text = header.partition(" ")
    if kind.lower() != "bearer" or not text.strip():
        raise unauthorised("key_invalid", "Authorization must be 'Bearer' and an API key", error=True)
    return text.strip()


def unauthorised(code: str, detail: str, *, error: bool = False) -> Refusal:
    """Return the refusal of whoever is not known (RFC 6750, section 3)."""
    challenge = REALM + (', error="invalid_token"' if error else "")
    return Refusal(401, code, detail, headers={"WWW-Authenticate": challenge})


def scope_missing(wanted: Scope) -> Refusal:
    """Return the refusal of whoever is known and may do something else (RFC 6750, section 3.1)."""
    challenge = f'{REALM}, error="insufficient_scope", scope="{wanted}"'
    detail = f"this needs the scope {wanted}"
    return Refusal(403, "scope_missing", detail, headers={"WWW-Authenticate": challenge})


def refuse_foreign(host: str, origin: str | None) -> None:
    """Raise Refusal (403) unless a request without a key was meant for this machine.

    A page of a stranger's site, open in a browser here, could otherwise give orders: it may post without asking, and
    a name that its owner points at 127.0.0.1 lets it read the answers.
    """
    origin_host = None if origin is None else urlsplit(origin).netloc
    for name, value in (("Host", host), ("Origin", origin_host)):
        if value is not None and not is_loopback(_without_port(value)):
            detail = f"without API keys this machine alone is served, and {name} names another"
            raise Refusal(403, "foreign_origin", detail, name)


def is_loopback(host: str) -> bool:
    """Whether a name or address is this machine and nothing else."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _without_port(authority: str) -> str:
    if authority.startswith("["):
        return authority[1:].partition("]")[0]
    return authority.rpartition(":")[0] if ":" in authority else authority
