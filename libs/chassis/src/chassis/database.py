"""Postgres: a pool, and SQL by name."""

from __future__ import annotations

import asyncio
import re
from importlib import resources

import asyncpg

from chassis.errors import QueryError, ServerUnreachable

CLOSE_SECONDS = 5.0
_NAME = re.compile(r"^-- name: (\w+)[^\n]*\n", re.MULTILINE)


async def connect(
    url: str, *, name: str, min_size: int = 0, max_size: int = 8, patience: float = 30.0
) -> asyncpg.Pool:
    """Return a pool of connections that show up in Postgres as ``name``; uuids are text in both directions.

    ``patience`` is the seconds after which connecting or a command raises TimeoutError. Raises ServerUnreachable.
    """
    pool = None
    try:
        pool = await asyncpg.create_pool(
            url,
            min_size=min_size,
            max_size=max_size,
            timeout=patience,
            command_timeout=patience,
            init=_uuids_are_text,
            server_settings={"application_name": name},
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


async def _uuids_are_text(connection: asyncpg.Connection) -> None:
    await connection.set_type_codec("uuid", schema="pg_catalog", encoder=str, decoder=str, format="text")


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
