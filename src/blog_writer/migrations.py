"""All services' migrations, in the order their schemas build on each other."""

from __future__ import annotations

import asyncpg

from chassis.migrate import migrate

SCHEMAS = (("jobs", "orchestrator"), ("gateway", "gateway"), ("notifier", "notifier"))


async def migrate_all(database_url: str) -> list[str]:
    """Apply what is missing and return its names (``schema: file``). Raises what the chassis raises."""
    connection = await asyncpg.connect(database_url)
    try:
        applied = []
        for schema, package in SCHEMAS:
            applied += [f"{schema}: {name}" for name in await migrate(connection, schema, package)]
        return applied
    finally:
        await connection.close()
