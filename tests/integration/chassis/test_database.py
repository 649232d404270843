"""Connecting to Postgres, and saying why it cannot be done."""

from __future__ import annotations

import asyncpg
import pytest

from chassis.database import close, connect
from chassis.errors import ServerUnreachable


async def test_uuids_are_text_and_the_pool_has_a_name(database_url: str) -> None:
    pool = await connect(database_url, name="a-service")
    text = "6f2a4a70-2c5e-4f0e-9d9e-0a9d3b1c2d3e"
    assert await pool.fetchval("SELECT $1::uuid", text) == text
    assert await pool.fetchval("SELECT current_setting('application_name')") == "a-service"
    await close(pool)


@pytest.mark.parametrize("damage", ["port", "database", "password"])
async def test_a_database_that_lets_nobody_in_is_said_without_its_password(
    database_url: str, damage: str
) -> None:
    server, _, name = database_url.rpartition("/")
    url = {
        "port": "postgresql://me:hidden-word@127.0.0.1:1/none",
        "database": f"{server}/none",
        "password": f"postgresql://me:hidden-word@{server.rpartition('@')[2]}/{name}",
    }[damage]
    with pytest.raises(ServerUnreachable, match=r"DATABASE_URL") as refused:
        await connect(url, name="test", patience=5)
    assert "hidden-word" not in str(refused.value)


async def test_a_pool_that_is_in_use_is_closed_all_the_same(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = await connect(database_url, name="test")
    connection = await pool.acquire()
    monkeypatch.setattr("chassis.database.CLOSE_SECONDS", 0.1)
    await close(pool)
    with pytest.raises(asyncpg.InterfaceError):
        await connection.execute("SELECT 1")
