"""Migrations against a real Postgres."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from chassis.errors import MigrationError
from chassis.migrate import migrate

PACKAGE = "migrated_example"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package with two migrations."""
    folder = tmp_path / PACKAGE / "migrations"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").touch()
    (folder / "0001_pages.sql").write_text("CREATE TABLE shelf.pages (id int); SELECT pg_sleep(0.2);")
    (folder / "0002_titles.sql").write_text("ALTER TABLE shelf.pages ADD title text;")
    (folder / "notes.sql").write_text("not SQL at all")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, PACKAGE, raising=False)
    return folder


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


async def test_each_file_is_applied_once_in_order(folder: Path, connection: asyncpg.Connection) -> None:
    assert await migrate(connection, "shelf", PACKAGE) == ["0001_pages.sql", "0002_titles.sql"]
    assert await migrate(connection, "shelf", PACKAGE) == []
    (folder / "0003_index.sql").write_text("CREATE INDEX ON shelf.pages (id);")
    assert await migrate(connection, "shelf", PACKAGE) == ["0003_index.sql"]


async def test_two_at_once_apply_each_file_once(folder: Path, database_url: str) -> None:
    async def run() -> list[str]:
        connection = await asyncpg.connect(database_url)
        try:
            return await migrate(connection, "shelf", PACKAGE)
        finally:
            await connection.close()

    applied = await asyncio.gather(run(), run(), run())
    assert sorted(applied) == [[], [], ["0001_pages.sql", "0002_titles.sql"]]


async def test_a_file_changed_after_it_was_applied_is_named(
    folder: Path, connection: asyncpg.Connection
) -> None:
    await migrate(connection, "shelf", PACKAGE)
    (folder / "0001_pages.sql").write_text("CREATE TABLE shelf.pages (id bigint);")
    with pytest.raises(MigrationError, match=r"0001_pages\.sql was changed"):
        await migrate(connection, "shelf", PACKAGE)


async def test_a_file_that_fails_is_named_and_leaves_nothing(
    folder: Path, connection: asyncpg.Connection
) -> None:
    (folder / "0002_titles.sql").write_text("CREATE TABLE shelf.titles (id int); SELECT 1/0;")
    with pytest.raises(MigrationError, match=r"0002_titles\.sql failed: division by zero"):
        await migrate(connection, "shelf", PACKAGE)
    assert await connection.fetchval("SELECT to_regclass('shelf.titles')") is None
    assert await connection.fetchval("SELECT array_agg(name) FROM shelf.migrations") == ["0001_pages.sql"]
    (folder / "0002_titles.sql").write_text("CREATE TABLE shelf.titles (id int);")
    assert await migrate(connection, "shelf", PACKAGE) == ["0002_titles.sql"]
