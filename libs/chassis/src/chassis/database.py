"""Postgres: a pool, and SQL by name."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Coroutine, Iterable, Sequence
from importlib import resources
from typing import Any, TypeVar

import asyncpg

from chassis.errors import QueryError, ServerUnreachable

T = TypeVar("T")
Role = tuple[str, str]
"""A role of Postgres, and the schema that it works in."""

PATIENCE_SECONDS = 10.0
"""After which a command that is not answered means that the link is dead."""
_SESSION = {
    "idle_in_transaction_session_timeout": "10s",
    "client_connection_check_interval": "5s",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "20s",
}
"""The server ends sessions whose client has gone without a word: until then they hold their locks against the others."""
CLOSE_SECONDS = 5.0
UNAVAILABLE = (
    OSError, asyncpg.PostgresConnectionError, asyncpg.OperatorInterventionError, asyncpg.InsufficientResourcesError,
    asyncpg.ObjectNotInPrerequisiteStateError, asyncpg.TransactionRollbackError, asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)  # fmt: skip
"""What asyncpg raises when Postgres is away, shuts down, starts up, is full, lets nobody in, or gave up a transaction for
the sake of another. (Its InterfaceError is also raised for a pool that is closing.)"""
_TAKE_ROLE = """SELECT set_config('role', rolname, false) FROM pg_roles, pg_namespace WHERE rolname = $1
AND nspname = $2 AND pg_has_role(pg_roles.oid, 'MEMBER') AND has_schema_privilege(pg_roles.oid, pg_namespace.oid, 'USAGE')"""
_PARAMETER = re.compile(r"\$\+(\d+)\+(\d+)")
_NAME = re.compile(r"^-- name: (\w+)[^\n]*\n", re.MULTILINE)


async def connect(
    url: str, *, name: str, max_size: int = 8, patience: float = PATIENCE_SECONDS, role: Role = ("", "")
) -> asyncpg.Pool:
    """Return a pool of connections that show up in Postgres as ``name``; uuids are text in both directions.

    ``patience`` is the seconds after which connecting or a command raises TimeoutError. Then all connections of the pool
    are replaced: what cut one without a word has cut the others. They work with the rights of ``role`` alone if the login
    is a member of it and it may use its schema. Raises ServerUnreachable.
    """
    pool: asyncpg.Pool | None = None

    async def prepare(connection: asyncpg.Connection) -> None:
        def watch(query: Any) -> None:
            if isinstance(query.exception, TimeoutError):
                connection.terminate()  # its cancellation would wait for as long again
                if pool is not None:
                    _keep(pool.expire_connections())

        await connection.set_type_codec("uuid", schema="pg_catalog", encoder=str, decoder=str, format="text")
        await connection.execute(_TAKE_ROLE, *role)
        connection.add_query_logger(watch)

    try:
        pool = await asyncpg.create_pool(
            url,
            min_size=0,
            max_size=max_size,
            timeout=patience,
            command_timeout=patience,
            init=prepare,
            reset=_nothing_to_reset,
            server_settings={"application_name": name, **_SESSION},
        )
        await pool.execute("SELECT 1")
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError, TimeoutError) as error:
        if pool is not None:
            pool.terminate()
        raise ServerUnreachable("DATABASE_URL", str(error) or type(error).__name__) from error
    return pool


async def close(pool: asyncpg.Pool) -> None:
    """Close a pool; connections that are still in use after some seconds are cut."""
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await pool.close()
    except TimeoutError:
        pool.terminate()


async def within(seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """Return what database work returns, or raise TimeoutError after so long.

    The work is cancelled then and not waited for: over a dead link a cancellation takes as long as a command.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task}, timeout=seconds)
    except asyncio.CancelledError:
        _give_up(task)
        raise
    if not task.done():
        _give_up(task)
        raise TimeoutError(f"the database did not answer within {seconds:g} s")
    return task.result()


_background: set[asyncio.Future[Any]] = set()
"""Held until they end, so that they are not collected on the way."""


def _give_up(task: asyncio.Future[Any]) -> None:
    task.cancel()
    _keep(task)


def _keep(work: Awaitable[Any]) -> None:
    task = asyncio.ensure_future(work)
    _background.add(task)
    task.add_done_callback(_ended)


def _ended(task: asyncio.Future[Any]) -> None:
    _background.discard(task)
    if not task.cancelled():
        task.exception()  # nobody waits for it any more


async def _nothing_to_reset(_connection: asyncpg.Connection) -> None:
    """Spare a round trip on each return to the pool: no session state is ever set, and asyncpg itself ends transactions."""


def unavailable(error: Exception) -> bool:
    """Whether an error says that the database cannot work now, and nothing of what was asked of it."""
    return isinstance(error, UNAVAILABLE) and not isinstance(error, ValueError)  # that is a value's fault


Statement = tuple[str, Sequence[Any]]
"""SQL and its parameters."""


def columns(rows: Iterable[tuple[Any, ...]]) -> list[list[Any]]:
    """Return rows as columns, which is how a set of them goes into one statement; no rows are no columns."""
    return [list(column) for column in zip(*rows, strict=True)]


def together(statements: Sequence[Statement]) -> Statement:
    """Return several statements as one, for one round trip; what it returns is what the last one returns.

    All see the rows as they were before, and their order is not defined: no two may touch the same row.
    """
    parts: list[str] = []
    parameters: list[Any] = []
    for sql, own in statements:
        numbered = sql.rstrip("; \n").replace("$", f"$+{len(parameters)}+")
        parts.append(_PARAMETER.sub(lambda found: f"${int(found[1]) + int(found[2])}", numbered))
        parameters += own
    *first, last = parts
    named = ", ".join(f"part_{number} AS ({part})" for number, part in enumerate(first))
    return f"WITH {named} {last}" if named else last, parameters


class Queries:
    """SQL of a package, by name: blocks that start with ``-- name: something``. Raises QueryError."""

    def __init__(self, text: str) -> None:
        _, *parts = _NAME.split(text)
        self._texts: dict[str, str] = {}
        for name, body in zip(parts[::2], parts[1::2], strict=True):
            if name in self._texts:
                raise QueryError(f"the query {name!r} is there twice")
            self._texts[name] = body.strip()

    @classmethod
    def load(cls, package: str, filename: str = "queries.sql") -> Queries:
        """Read the file that lies in ``package``."""
        return cls(resources.files(package).joinpath(filename).read_text())

    def __getitem__(self, name: str) -> str:
        try:
            return self._texts[name]
        except KeyError:
            raise QueryError(f"there is no query {name!r}, only {', '.join(self._texts) or 'none'}") from None
