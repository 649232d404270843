"""The notifier's composition root."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import asyncpg

from chassis import logs
from chassis.broker import Publisher, ensure_stream, lost
from chassis.broker import connect as connect_nats
from chassis.clock import SystemClock
from chassis.database import close
from chassis.database import connect as connect_postgres
from chassis.egress import networks
from chassis.errors import MigrationError
from chassis.http import operations
from chassis.lifecycle import every, until
from chassis.migrate import check_migrated
from contracts.streams import DEAD_LETTERS, EVENTS
from notifier.consumers import consume
from notifier.endpoint import new_client
from notifier.intake import Intake
from notifier.requests import Requests
from notifier.sender import Sender
from notifier.settings import Settings
from notifier.signing import key_of
from notifier.store import DeliveryStore
from notifier.tenant_events import copy_events

log = logs.get_logger(__name__)

ROLE = ("blog_writer_notifier", "notifier")
"""The database role that it works as, and the schema that is its own."""
MIGRATE = "run 'blog-writer migrate' first"


async def run(settings: Settings, ready: asyncio.Event, stop: asyncio.Event) -> None:
    """Deliver webhooks until ``stop`` is set.

    Raises SettingsError, ServerUnreachable or MigrationError when it cannot start.
    """
    allowed = networks(settings.allow_private_networks, "BLOG_WRITER_ALLOW_PRIVATE_NETWORKS")
    async with AsyncExitStack() as stack:
        pool = await connect_postgres(settings.database_url, name="notifier", role=ROLE)
        stack.push_async_callback(close, pool)
        await _check_schema(pool)
        closed = asyncio.Event()
        client = await connect_nats(settings.nats_url, "notifier", closed.set)
        stack.push_async_callback(client.close)
        js = client.jetstream()
        await ensure_stream(js, EVENTS)
        await ensure_stream(js, DEAD_LETTERS)
        http = await stack.enter_async_context(new_client(allowed))
        store = DeliveryStore(pool)
        wake = asyncio.Event()
        clock = SystemClock()
        sender = Sender(store, http, settings, wake)
        stack.push_async_callback(sender.close)
        keys = [key_of(secret) for secret in settings.webhook_secret]
        requests = Requests(store, http, keys, settings.webhook_timeout_seconds, wake, clock)
        stack.push_async_callback(requests.close)
        await requests.attach(client)
        intake = Intake(store, wake, settings.webhook_retry_seconds[0], settings.public_url)
        publisher = Publisher(js)
        ready.set()
        log.info("notifier_ready")
        await until(
            stop,
            lost(closed),
            every(5, sender.fill, name="sender", wake=wake),
            every(
                settings.webhook_sweep_seconds, lambda: intake.sweep(settings.job_cleanup_days), name="sweep"
            ),
            *consume(js, intake, publisher, clock),
            every(settings.webhook_sweep_seconds, store.release_held, name="held"),
            every(600, lambda: store.delete_old(settings.job_cleanup_days + 1), name="retention"),
            *([copy_events(js, settings.nats_tenants)] if settings.nats_tenants else []),
            *operations(settings.operations_port, stop, client, pool),
        )


async def _check_schema(pool: asyncpg.Pool) -> None:
    if await pool.fetchval("SELECT to_regclass('api.callbacks')") is None:
        raise MigrationError(f"DATABASE_URL: the database has no view api.callbacks; {MIGRATE}")
    await check_migrated(pool, "notifier", "notifier", MIGRATE)
