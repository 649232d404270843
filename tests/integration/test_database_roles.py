# ruff: noqa: S608 -- the names come from the catalogue
"""Each service works with the rights of its own role: its schema and the views, and nothing of the others."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import asyncpg
import pytest
from structlog.testing import capture_logs

from blog_writer.migrations import _grant, migrate_all
from chassis.database import close, connect
from gateway.service import ROLE as GATEWAY
from notifier.service import ROLE as NOTIFIER
from orchestrator.service import ROLE as ORCHESTRATOR

ROLES = (GATEWAY, ORCHESTRATOR, NOTIFIER)
SCHEMAS = ("gateway", "jobs", "notifier")
TABLES = """
SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relkind::text = ANY($2::text[]) ORDER BY 1
"""


@pytest.fixture(params=ROLES, ids=[role for role, _ in ROLES])
async def service(request, database_url) -> AsyncIterator[tuple[asyncpg.Pool, str]]:
    """Return a service's pool, and the schema that is its own."""
    await migrate_all(database_url)
    pool = await connect(database_url, name="test", max_size=1, role=request.param)
    yield pool, request.param[1]
    await close(pool)


async def names(pool: asyncpg.Pool, schema: str, kinds: str = "r") -> list[str]:
    found = [row[0] for row in await pool.fetch(TABLES, schema, list(kinds))]
    assert found
    return found


async def test_a_service_works_as_its_role(service):
    pool, own = service
    assert await pool.fetchval("SELECT current_user") == {schema: role for role, schema in ROLES}[own]


async def test_a_service_reads_and_writes_its_own_tables(service):
    pool, own = service
    for table in await names(pool, own):
        await pool.fetch(f"SELECT * FROM {table} LIMIT 1")
        if not table.endswith(".migrations"):
            await pool.execute(f"DELETE FROM {table}")


async def test_a_service_cannot_touch_the_tables_of_others(service):
    pool, own = service
    for table in [name for schema in SCHEMAS if schema != own for name in await names(pool, schema)]:
        for statement in (f"SELECT * FROM {table}", f"DELETE FROM {table}", f"TRUNCATE {table}"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await pool.execute(statement)


async def test_a_service_reads_the_views_and_cannot_write_through_them(service):
    pool, _ = service
    for view in await names(pool, "api", "v"):
        await pool.fetch(f"SELECT * FROM {view} LIMIT 1")
        with pytest.raises(asyncpg.PostgresError):
            await pool.execute(f"DELETE FROM {view}")


STRUCTURE = (
    "CREATE TABLE {own}.more (id int)",
    "CREATE SCHEMA more",
    "DROP TABLE {own}.migrations",
    "DELETE FROM {own}.migrations",
    "CREATE ROLE more",
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "ALTER SYSTEM SET fsync = off",
)


async def test_a_service_changes_no_structure(service):
    pool, own = service
    for statement in STRUCTURE:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await pool.execute(statement.format(own=own))


async def test_rights_are_granted_by_several_at_once(database_url):
    await asyncio.gather(*(migrate_all(database_url) for _ in range(4)))
    assert await migrate_all(database_url) == []


@pytest.fixture
async def plain_login(database_url) -> AsyncIterator[str]:
    """Return the address of a database with a login that may do nothing special, and is a member of no role."""
    await migrate_all(database_url)
    admin = await asyncpg.connect(database_url)
    name = f"plain_{uuid.uuid4().hex}"
    await admin.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'plain'")
    address = urlsplit(database_url)
    yield address._replace(netloc=f"{name}:plain@{address.hostname}:{address.port}").geturl()
    await admin.execute(f"DROP ROLE {name}")
    await admin.close()


async def test_a_login_that_is_no_member_keeps_its_own_rights(plain_login):
    pool = await connect(plain_login, name="test", max_size=1, role=GATEWAY)
    assert (await pool.fetchval("SELECT current_user")).startswith("plain_")
    await close(pool)


async def test_roles_that_cannot_be_granted_stop_no_migration(plain_login):
    connection = await asyncpg.connect(plain_login)
    with capture_logs() as logged:
        await _grant(connection)
    await connection.close()
    assert [entry["event"] for entry in logged] == ["roles_not_made"]
