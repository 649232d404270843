"""Postgres: a pool, and SQL by name."""

from __future__ import annotations

import asyncio
import re
from importlib import resources

import asyncpg

from chassis.errors import QueryError, ServerUnreachable

_NAME = re.compile(r"^-- name: (\w+)[^\n]*\n", re.MULTILINE)


async def connect(
    url: str, *, name: str, min_size: int = 0, max_size: int = 8, patience: float = 30.0
) -> asyncpg.Pool:
    """Return a pool of connections that show up in Postgres as ``name``; uuids are text in both directions.

    ``patience`` is the seconds after which connecting or a command raises TimeoutError. Raises ServerUnreachable.
    """
    try:
        pool = await asyncpg.create_pool(
            url,
            min_size=min_size,
            max_size=max_size,
            timeout=patience,
            command_timeout=patience,
            init=_uuids_are_text,
            reset=_nothing_to_reset,
            server_settings={"application_name": name},
        )
        async with pool.acquire() as connection:
            await connection.execute("SELECT 1")
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError, TimeoutError) as error:
        raise ServerUnreachable("DATABASE_URL", str(error) or type(error).__name__) from error
    return pool


async def close(pool: asyncpg.Pool) -> None:
    """Close a pool; connections that are still in use after 5 s are cut."""
    try:
        async with asyncio.timeout(5):
            await pool.close()
    except TimeoutError:
        pool.terminate()


async def _uuids_are_text(connection: asyncpg.Connection) -> None:
    await connection.set_type_codec("uuid", schema="pg_catalog", encoder=str, decoder=str, format="text")


async def _nothing_to_reset(_connection: asyncpg.Connection) -> None:
    """Spare a round trip at each release: asyncpg has rolled back by now, and no session settings are ever made."""


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
