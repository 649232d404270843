"""Numbered SQL files, each applied once, in order, while the programs that use the tables go on."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import resources
from typing import Any

import asyncpg

from chassis import logs
from chassis.errors import MigrationError

log = logs.get_logger(__name__)

LOCK_SECONDS = 0.5
"""How long a statement may wait for a table: whoever comes after it waits as long."""
LOCK_TRIES = 120
LOCK_PAUSE_SECONDS = 0.5
"""Between tries, so that those who waited get through."""
TURN_TRIES = 6000
TURN_PAUSE_SECONDS = 0.1
"""Between looks whether another process has finished migrating."""
_LOCK = 0x6D69_6772
"""Advisory lock of all migrations: one process at a time, whatever the schema."""
_FILE = re.compile(r"^(\d{4})_\w+\.sql$")
_NO_TRANSACTION = re.compile(r"\A(?:--[^\n]*\n)*-- transaction: none\n")


async def migrate(connection: asyncpg.Connection, schema: str, package: str) -> list[str]:
    """Apply the files of ``package``'s folder ``migrations`` that ``schema`` has not seen; return their names.

    Each file is one transaction, which gives up and tries again when it has to wait for a table. One whose header says
    ``-- transaction: none`` is applied statement by statement, and must be able to begin again (CREATE INDEX
    CONCURRENTLY). Raises MigrationError that names the file when it fails or was changed since it was applied. A file
    that is gone is no error: an older release may start on a newer database.
    """
    async with _turn(connection):
        applied, files = await _applied(connection, schema), _files(package)
        _check(applied, files, schema)
        missing = [name for name in files if name not in applied]
        for name in missing:
            await _apply(connection, schema, name, files[name])
        return missing


async def check_migrated(database: Any, schema: str, package: str, remedy: str) -> None:
    """Raise MigrationError, with the ``remedy``, when ``schema`` lacks a migration of this release.

    Migrations that this release does not know are a later one's, and made so that this one can go on: a warning.
    """
    if await database.fetchval("SELECT to_regclass($1)", f"{schema}.migrations") is None:
        raise MigrationError(f"DATABASE_URL: the database has no schema '{schema}'; {remedy}")
    rows = await database.fetch(f"SELECT name FROM {schema}.migrations ORDER BY name")  # noqa: S608  our own schema name
    applied, files = [row["name"] for row in rows], _files(package)
    if missing := [name for name in files if name not in applied]:
        raise MigrationError(f"DATABASE_URL: schema '{schema}' lacks {', '.join(missing)}; {remedy}")
    if later := [name for name in applied if name not in files]:
        log.warning("schema_newer", schema=schema, migrations=later)


@asynccontextmanager
async def _turn(connection: asyncpg.Connection) -> AsyncIterator[None]:
    """Be the only one who migrates. Waiting inside a statement would hold up CREATE INDEX CONCURRENTLY for ever."""
    for _ in range(TURN_TRIES):
        if await connection.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK):
            break
        await asyncio.sleep(TURN_PAUSE_SECONDS)
    else:
        raise MigrationError(f"another process migrates since {TURN_TRIES * TURN_PAUSE_SECONDS:.0f} s")
    try:
        yield
    finally:
        await connection.execute("SELECT pg_advisory_unlock($1)", _LOCK)


def _files(package: str) -> dict[str, str]:
    folder = resources.files(package).joinpath("migrations")
    names = sorted(entry.name for entry in folder.iterdir() if _FILE.match(entry.name))
    return {name: folder.joinpath(name).read_text() for name in names}


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


async def _applied(connection: asyncpg.Connection, schema: str) -> dict[str, str]:
    await connection.execute(
        f"CREATE SCHEMA IF NOT EXISTS {schema};"
        f"CREATE TABLE IF NOT EXISTS {schema}.migrations (name text PRIMARY KEY, sha256 text NOT NULL,"
        " applied_at timestamptz NOT NULL DEFAULT now())"
    )
    rows = await connection.fetch(f"SELECT name, sha256 FROM {schema}.migrations")  # noqa: S608  our own schema name
    return {row["name"]: row["sha256"] for row in rows}


def _check(applied: dict[str, str], files: dict[str, str], schema: str) -> None:
    for name, digest in applied.items():
        if name in files and _sha256(files[name]) != digest:
            raise MigrationError(f"{schema}: {name} was changed after it was applied; write a new one")


async def _apply(connection: asyncpg.Connection, schema: str, name: str, text: str) -> None:
    for _ in range(LOCK_TRIES):
        try:
            await _run(connection, schema, name, text)
        except asyncpg.LockNotAvailableError:
            log.info("migration_waits_for_a_table", schema=schema, migration=name)
            await asyncio.sleep(LOCK_PAUSE_SECONDS)
        except asyncpg.PostgresError as error:
            raise MigrationError(f"{schema}: {name} failed: {error}") from error
        else:
            return
    raise MigrationError(f"{schema}: {name} failed: a table was in use at each of {LOCK_TRIES} tries")


async def _run(connection: asyncpg.Connection, schema: str, name: str, text: str) -> None:
    note = f"INSERT INTO {schema}.migrations (name, sha256) VALUES ($1, $2)"  # noqa: S608  as above
    if _NO_TRANSACTION.match(text):
        for statement in re.sub(r"--[^\n]*", "", text).split(";"):
            if statement.strip():
                await connection.execute(statement)
        await connection.execute(note, name, _sha256(text))
        return
    async with connection.transaction():
        await connection.execute(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
        await connection.execute(text)
        await connection.execute(note, name, _sha256(text))
