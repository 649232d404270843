"""Migrations against a real Postgres."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from chassis.errors import MigrationError
from chassis.migrate import check_migrated, migrate

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


async def test_a_table_in_use_holds_up_the_migration_and_the_migration_holds_up_nobody_for_long(
    folder: Path, connection: asyncpg.Connection, database_url: str
) -> None:
    await migrate(connection, "shelf", PACKAGE)
    (folder / "0003_pages.sql").write_text("ALTER TABLE shelf.pages ADD number int;")
    user, reader = await asyncpg.connect(database_url), await asyncpg.connect(database_url)
    try:
        using = user.transaction()
        await using.start()
        await user.execute("SELECT * FROM shelf.pages")
        migrating = asyncio.create_task(migrate(connection, "shelf", PACKAGE))
        longest = 0.0
        for _ in range(15):
            asked = time.monotonic()
            await reader.fetch("SELECT id FROM shelf.pages")
            longest = max(longest, time.monotonic() - asked)
            await asyncio.sleep(0.1)
        assert not migrating.done()
        assert longest < 5, "a reader waited behind the migration"
        await using.rollback()
        async with asyncio.timeout(10):
            assert await migrating == ["0003_pages.sql"]
    finally:
        await user.close()
        await reader.close()


async def test_a_table_that_is_always_in_use_is_an_error_in_the_end(
    folder: Path, connection: asyncpg.Connection, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chassis.migrate.LOCK_SECONDS", 0.05)
    monkeypatch.setattr("chassis.migrate.LOCK_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr("chassis.migrate.LOCK_TRIES", 3)
    await migrate(connection, "shelf", PACKAGE)
    (folder / "0003_pages.sql").write_text("ALTER TABLE shelf.pages ADD number int;")
    user = await asyncpg.connect(database_url)
    try:
        async with user.transaction():
            await user.execute("SELECT * FROM shelf.pages")
            with pytest.raises(MigrationError, match=r"0003_pages\.sql failed: a table was in use"):
                await migrate(connection, "shelf", PACKAGE)
    finally:
        await user.close()


async def test_an_index_is_made_outside_of_a_transaction_while_others_wait_for_their_turn(
    folder: Path, database_url: str
) -> None:
    (folder / "0003_index.sql").write_text(
        "-- Why.\n-- transaction: none\n\nDROP INDEX CONCURRENTLY IF EXISTS shelf.pages_id;\n"
        "CREATE INDEX CONCURRENTLY pages_id ON shelf.pages (id);\n"
    )

    async def run() -> list[str]:
        connection = await asyncpg.connect(database_url)
        try:
            return await migrate(connection, "shelf", PACKAGE)
        finally:
            await connection.close()

    async with asyncio.timeout(30):
        applied = await asyncio.gather(run(), run())
    assert sorted(applied) == [[], ["0001_pages.sql", "0002_titles.sql", "0003_index.sql"]]


async def test_a_program_starts_on_a_later_schema_with_a_warning_and_not_on_an_earlier_one(
    folder: Path, connection: asyncpg.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(MigrationError, match="no schema 'shelf'; migrate it"):
        await check_migrated(connection, "shelf", PACKAGE, "migrate it")
    await migrate(connection, "shelf", PACKAGE)
    await check_migrated(connection, "shelf", PACKAGE, "migrate it")
    assert "schema_newer" not in capsys.readouterr().out
    later = (folder / "0002_titles.sql").rename(folder / "0002_titles.later")
    await check_migrated(connection, "shelf", PACKAGE, "migrate it")
    told = capsys.readouterr().out
    assert "schema_newer" in told
    assert "0002_titles.sql" in told
    assert await migrate(connection, "shelf", PACKAGE) == []
    later.rename(folder / "0002_titles.sql")
    (folder / "0003_more.sql").write_text("SELECT 1;")
    with pytest.raises(MigrationError, match=r"lacks 0003_more\.sql; migrate it"):
        await check_migrated(connection, "shelf", PACKAGE, "migrate it")
