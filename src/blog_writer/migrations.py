"""All services' migrations, in the order their schemas build on each other."""

from __future__ import annotations

import asyncpg

from chassis.errors import ServerUnreachable
from chassis.migrate import migrate

SCHEMAS = (("jobs", "orchestrator"), ("gateway", "gateway"), ("notifier", "notifier"))


async def migrate_all(database_url: str) -> list[str]:
    """Apply what is missing and return its names (``schema: file``). Raises ServerUnreachable or MigrationError."""
    try:
        connection = await asyncpg.connect(database_url, timeout=10)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        raise ServerUnreachable("DATABASE_URL", str(error) or type(error).__name__) from error
    try:
        applied = []
        for schema, package in SCHEMAS:
            applied += [f"{schema}: {name}" for name in await migrate(connection, schema, package)]
        return applied
    finally:
        await connection.close()
