"""Who may do what: the guard in front of every route."""

from __future__ import annotations

import ipaddress
import math
import time
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
from gateway.headers import RATE
from gateway.key_store import KnownKeys
from gateway.keys import PREFIX as KEY_PREFIX
from gateway.keys import Scope, Standing, allows, fits, parse_key, standing
from gateway.rates import Rates
from gateway.tokens import PREFIX as TOKEN_PREFIX
from gateway.tokens import JobToken, TokenSigner

OPTION = "access"
PUBLIC = {OPTION: "public"}
"""Of a route that anybody may ask."""
FOR_ADMIN = {OPTION: "admin"}
"""Of a route about the whole installation."""
READING = {OPTION: "read"}
"""Of a route that changes nothing, whatever its method."""
OF_A_JOB = {OPTION: "job"}
"""Of a route that shows one job, so that a job's token opens it."""
TOKEN_PARAMETER = "token"  # noqa: S105  the name of it

REALM = 'Bearer realm="blog-writer"'
_SAFE_METHODS: frozenset[Method] = frozenset(("GET", "HEAD", "OPTIONS"))


class Identity(msgspec.Struct, frozen=True):
    """Whoever makes a request."""

    tenant: str
    scopes: frozenset[Scope]
    key_id: str | None = None
    """None without keys."""


ANYBODY = Identity(DEFAULT_TENANT, frozenset(Scope))
"""Whoever reaches a gateway that has no keys, which listens on this machine only."""


Connection = ASGIConnection[Any, Any, Any, Any]


class Door(msgspec.Struct, frozen=True, kw_only=True):
    """How the door is set."""

    open_without_keys: bool = False
    """Whether this machine alone is served, which needs no key until there is one."""
    origins: tuple[str, ...] = ()
    """Of pages elsewhere that may talk to this API."""


class Access:
    """Lets requests in. A route asks for ``jobs:read`` or ``jobs:write`` by its method unless its ``opt`` says otherwise."""

    def __init__(
        self, keys: KnownKeys, tokens: TokenSigner | None, rates: Rates, clock: Clock, door: Door
    ) -> None:
        self._keys = keys
        self._rates = rates
        self._clock = clock
        self._door = door
        self.tokens = tokens

    async def guard(self, connection: Connection, handler: BaseRouteHandler) -> None:
        """Find out who asks, and count it. Raises Refusal (401, 403 or 429)."""
        option = handler.opt.get(OPTION)
        if option == PUBLIC[OPTION]:
            return
        identity = await self._identify(connection, option)
        wanted = wanted_scope(str(connection.scope.get("method", "GET")), option)
        if not allows(identity.scopes, wanted):
            raise scope_missing(wanted)
        if identity.key_id is not None:
            self._count(connection, identity.tenant)
        connection.scope["auth"] = identity

    def _count(self, connection: Connection, tenant: str) -> None:
        verdict = self._rates.take(tenant, time.monotonic())
        connection.scope["state"][RATE] = verdict
        if verdict is not None and not verdict.allowed:
            wait = max(1, math.ceil(verdict.retry_seconds))
            detail = f"more than {verdict.limit} requests a minute; try again in {wait} s"
            raise Refusal(429, "rate_limited", detail, headers={"Retry-After": str(wait)})

    async def _identify(self, connection: Connection, option: str | None) -> Identity:
        header = connection.headers.get("authorization")
        token = connection.query_params.get(TOKEN_PARAMETER)
        given = token if header is None else bearer(header)
        if given is None:
            return await self._nobody(connection)
        if given.startswith(TOKEN_PREFIX):
            return await self._bearer_of_token(connection, option, given)
        if header is None:
            raise unauthorised(
                "key_invalid", "an API key goes into the header Authorization, never into an address"
            )
        return await self._holder(given)

    async def _nobody(self, connection: Connection) -> Identity:
        """Let in whoever has nothing to show, as long as there are no keys."""
        if not await self._keyless():
            raise unauthorised("key_required", f"an API key is needed: Authorization: Bearer {KEY_PREFIX}_…")
        host, origin = connection.headers.get("host", ""), connection.headers.get("origin")
        if origin not in self._door.origins:
            refuse_foreign(host, origin)
        return ANYBODY

    async def _keyless(self) -> bool:
        return self._door.open_without_keys and not await self._keys.needed()

    async def _holder(self, text: str) -> Identity:
        key = parse_key(text)
        record = None if key is None else await self._keys.find(key.key_id)
        if key is None or record is None or not fits(key, record):
            raise unauthorised("key_invalid", "this is no API key of this installation")
        how = standing(record, self._clock.now())
        if how is Standing.REVOKED:
            raise unauthorised("key_revoked", f"the API key {record.key_id} was revoked")
        if how is Standing.EXPIRED:
            raise unauthorised("key_expired", f"the API key {record.key_id} has expired")
        self._keys.use(record.key_id)
        return Identity(record.tenant, record.scopes, record.key_id)

    async def _bearer_of_token(self, connection: Connection, option: str | None, text: str) -> Identity:
        token = None if self.tokens is None else self.tokens.read(text)
        if token is None or not await self._backed(token):
            raise unauthorised("token_invalid", "this token was not made here, or its API key opens no more")
        if token.expired(self._clock.now()):
            raise unauthorised("token_expired", "the token's time is over")
        if option != OF_A_JOB[OPTION] or connection.path_params.get("job_id", "").lower() != token.job_id:
            raise Refusal(403, "token_scope", "the token reads one job and does nothing else")
        return Identity(token.tenant, frozenset((Scope.JOBS_READ,)), token.key_id)

    async def _backed(self, token: JobToken) -> bool:
        """Whether what a token was made with would still open."""
        if not token.key_id:
            return await self._keyless()
        record = await self._keys.find(token.key_id)
        return (
            record is not None
            and standing(record, self._clock.now()) is Standing.GOOD
            and allows(record.scopes, Scope.JOBS_READ)
        )


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
    reads = option == READING[OPTION] or method in _SAFE_METHODS
    return Scope.JOBS_READ if reads else Scope.JOBS_WRITE


def bearer(header: str) -> str:
    """Return the credentials of an Authorization header. Raises Refusal (401) when they are of another kind."""
    kind, _, text = header.partition(" ")
    if kind.lower() != "bearer" or not text.strip():
        raise unauthorised("key_invalid", "Authorization must be 'Bearer' and an API key")
    return text.strip()


def unauthorised(code: str, detail: str) -> Refusal:
    """Return the refusal of whoever is not known; who showed nothing is told of no error (RFC 6750, section 3)."""
    challenge = REALM if code == "key_required" else f'{REALM}, error="invalid_token"'
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
