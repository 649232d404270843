"""Numbered SQL files, each applied once, in order."""

from __future__ import annotations

import hashlib
import re
from importlib import resources

import asyncpg

from chassis.errors import MigrationError

_LOCK = 0x6D69_6772
"""Advisory lock of all migrations: one process at a time, whatever the schema."""
_FILE = re.compile(r"^(\d{4})_\w+\.sql$")


async def migrate(connection: asyncpg.Connection, schema: str, package: str) -> list[str]:
    """Apply the files of ``package``'s folder ``migrations`` that ``schema`` has not seen; return their names.

    Each file is one transaction. Raises MigrationError that names the file when it fails or was changed since it was
    applied. A file that is gone is no error: an older release may start on a newer database.
    """
    await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
    try:
        applied = await _applied(connection, schema)
        files = _files(package)
        _check(applied, files, schema)
        missing = [name for name in files if name not in applied]
        for name in missing:
            await _apply(connection, schema, name, files[name])
        return missing
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
            raise MigrationError(
                f"{schema}: {name} was changed after it was applied; write a new migration instead"
            )


async def _apply(connection: asyncpg.Connection, schema: str, name: str, text: str) -> None:
    statement = f"INSERT INTO {schema}.migrations (name, sha256) VALUES ($1, $2)"  # noqa: S608  as above
    try:
        async with connection.transaction():
            await connection.execute(text)
            await connection.execute(statement, name, _sha256(text))
    except asyncpg.PostgresError as error:
        raise MigrationError(f"{schema}: {name} failed: {error}") from error
