"""The notifier's composition root."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any

import asyncpg
from nats.aio.client import Client

from chassis import logs
from chassis.broker import Publisher, ensure_stream, faststream_broker, lost, stop_broker
from chassis.broker import connect as connect_nats
from chassis.clock import SystemClock
from chassis.database import connect as connect_postgres
from chassis.errors import MigrationError
from chassis.http import operations_app, serve
from chassis.lifecycle import every, until
from contracts.streams import DEAD_LETTERS, EVENTS
from notifier.consumers import ensure_consumer, pace, subscribe
from notifier.endpoint import new_client
from notifier.intake import Intake
from notifier.sender import Sender
from notifier.settings import Settings
from notifier.store import DeliveryStore

log = logs.get_logger(__name__)


async def run(settings: Settings, ready: asyncio.Event, stop: asyncio.Event) -> None:
    """Deliver webhooks until ``stop`` is set. Raises ServerUnreachable or MigrationError when it cannot start."""
    async with AsyncExitStack() as stack:
        pool = await connect_postgres(settings.database_url, name="notifier")
        stack.push_async_callback(pool.close)
        await _check_schema(pool)
        closed = asyncio.Event()
        client = await connect_nats(settings.nats_url, "notifier", closed.set)
        stack.push_async_callback(client.close)
        js = client.jetstream()
        await ensure_stream(js, EVENTS)
        await ensure_stream(js, DEAD_LETTERS)
        http = await stack.enter_async_context(new_client())
        store = DeliveryStore(pool)
        wake = asyncio.Event()
        clock = SystemClock()
        sender = Sender(store, http, settings, wake)
        stack.push_async_callback(sender.close)
        intake = Intake(store, wake, settings.webhook_retry_seconds[0])
        broker = faststream_broker(settings.nats_url, "notifier-events", closed.set)
        events = subscribe(broker, intake, Publisher(js), clock)
        stack.push_async_callback(stop_broker, broker)
        await broker.start()
        pace(events)
        ready.set()
        log.info("notifier_ready")
        await until(
            stop,
            lost(closed),
            every(5, sender.fill, name="sender", wake=wake),
            every(
                settings.webhook_sweep_seconds, lambda: intake.sweep(settings.job_cleanup_days), name="sweep"
            ),
            every(settings.webhook_sweep_seconds, lambda: ensure_consumer(js), name="consumer"),
            every(600, lambda: store.delete_ended(settings.job_cleanup_days + 1), name="retention"),
            *_operations(settings, pool, client, stop),
        )


async def _check_schema(pool: asyncpg.Pool) -> None:
    for table, schema in (("api.jobs", "jobs"), ("notifier.deliveries", "notifier")):
        if await pool.fetchval("SELECT to_regclass($1)", table) is None:
            raise MigrationError(
                f"DATABASE_URL: the database has no schema '{schema}'; run 'blog-writer migrate' first"
            )


def _operations(
    settings: Settings, pool: asyncpg.Pool, client: Client, stop: asyncio.Event
) -> list[Coroutine[Any, Any, None]]:
    if not settings.operations_port:
        return []

    async def problems() -> dict[str, str]:
        found = {} if client.is_connected else {"nats": "not connected"}
        try:
            await pool.execute("SELECT 1", timeout=2)
        except (OSError, asyncpg.PostgresError, TimeoutError) as error:
            found["postgres"] = str(error) or type(error).__name__
        return found

    app = operations_app(lambda: True, problems)
    return [serve(app, "0.0.0.0", settings.operations_port, None, stop)]
