"""All services' migrations, in the order their schemas build on each other."""

from __future__ import annotations

from importlib import resources

import asyncpg

from chassis import logs
from chassis.errors import ServerUnreachable
from chassis.migrate import migrate

log = logs.get_logger(__name__)

SCHEMAS = (("jobs", "orchestrator"), ("gateway", "gateway"), ("notifier", "notifier"))


async def migrate_all(database_url: str) -> list[str]:
    """Apply what is missing, grant the services' roles their rights, and return the names (``schema: file``).

    Raises ServerUnreachable or MigrationError.
    """
    try:
        connection = await asyncpg.connect(database_url, timeout=10)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        raise ServerUnreachable("DATABASE_URL", str(error) or type(error).__name__) from error
    try:
        applied = []
        for schema, package in SCHEMAS:
            applied += [f"{schema}: {name}" for name in await migrate(connection, schema, package)]
        await _grant(connection)
        return applied
    finally:
        await connection.close()


async def _grant(connection: asyncpg.Connection) -> None:
    """Make the services' roles and give each what it needs; a login that may not make roles leaves that to its admin."""
    statements = resources.files("blog_writer").joinpath("roles.sql").read_text()
    try:
        await connection.execute(statements)
    except asyncpg.InsufficientPrivilegeError as error:
        log.warning(
            "roles_not_made", reason=str(error), effect="services work with all rights of their login"
        )
