"""The gateway's composition root."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import asyncpg
from nats.aio.client import Client

from chassis import logs
from chassis.broker import Publisher, lost
from chassis.broker import connect as connect_nats
from chassis.clock import SystemClock
from chassis.database import close
from chassis.database import connect as connect_postgres
from chassis.errors import MigrationError, ServerUnreachable, SettingsError
from chassis.http import serve
from chassis.lifecycle import every, until
from chassis.migrate import check_migrated
from chassis.objects import ObjectStore
from contracts import streams
from gateway.access import Access, Door, is_loopback
from gateway.app import create_app
from gateway.feed import Feed
from gateway.key_store import KeyStore, KnownKeys
from gateway.notifier import Notifier
from gateway.rates import Rates
from gateway.settings import Settings
from gateway.store import COMMAND_SECONDS, Store
from gateway.submissions import Sender
from gateway.tokens import TokenSigner, secret_bytes

log = logs.get_logger(__name__)

VIEWS = ("api.jobs", "api.refused_submissions", "api.deleted_jobs", "api.deliveries", "api.delivery_attempts")
"""Of the orchestrator and the notifier, that this release of the gateway reads."""
ROLE = ("blog_writer_gateway", "gateway")
"""The database role that it works as, and the schema that is its own."""
MIGRATE = "run 'blog-writer migrate' first"


async def run(settings: Settings, ready: asyncio.Event, stop: asyncio.Event) -> None:
    """Serve the HTTP API until ``stop`` is set.

    NATS may be away at start and later. Raises SettingsError, ServerUnreachable (Postgres) or MigrationError.
    """
    async with AsyncExitStack() as stack:
        pool = await connect_postgres(
            settings.database_url, name="gateway", max_size=10, patience=COMMAND_SECONDS, role=ROLE
        )
        stack.push_async_callback(close, pool)
        await _check_schema(pool)
        store, feed = Store(pool), Feed()
        keys = KeyStore(pool)
        check_host(settings.host, await keys.any_live())
        known = KnownKeys(keys)
        access = _access(settings, known)
        sender, broker, notifier = Sender(store), Broker(settings.nats_url), Notifier()
        stack.push_async_callback(broker.close)
        objects = ObjectStore.open(settings.article_store, "BLOG_WRITER_ARTICLE_STORE")
        app = create_app(
            settings, store, sender, feed, objects, SystemClock(), broker.state, access, notifier
        )
        closing = asyncio.create_task(_close_feed(stop, feed))
        stack.callback(closing.cancel)
        await until(
            stop,
            serve(app, settings.host, settings.port, ready, stop, _announce),
            broker.attach(sender, feed, notifier),
            every(1, sender.relay, name="outbox"),
            every(2, store.mark_taken, name="taken"),
            every(10, store.resend, name="resend"),
            every(60, known.flush, name="key_use"),
            every(
                3600,
                lambda: store.forget(SystemClock().now(), settings.job_cleanup_days, objects.delete_prefix),
                name="retention",
            ),
        )


def check_host(host: str, keys_live: bool) -> None:
    """Raise SettingsError unless ``host`` is this machine, or there are keys to let others in by."""
    if not keys_live and not is_loopback(host):
        raise SettingsError(
            f"BLOG_WRITER_HOST: {host!r} is not allowed: the API has no access keys, so it serves this machine only "
            "(127.0.0.1); make a key with 'blog-writer keys create'"
        )


def _access(settings: Settings, known: KnownKeys) -> Access:
    signer = TokenSigner(secret_bytes(settings.secret_key)) if settings.secret_key else None
    door = Door(open_without_keys=is_loopback(settings.host), origins=settings.cors_origins)
    return Access(known, signer, Rates(settings.rate_limit), SystemClock(), door)


async def _close_feed(stop: asyncio.Event, feed: Feed) -> None:
    await stop.wait()
    feed.close()


def _announce(port: int) -> None:
    log.info("gateway_ready", port=port)


async def _check_schema(pool: asyncpg.Pool) -> None:
    await check_migrated(pool, "gateway", "gateway", MIGRATE)
    for view in VIEWS:
        if await pool.fetchval("SELECT to_regclass($1)", view) is None:
            raise MigrationError(f"DATABASE_URL: the database has no view {view}; {MIGRATE}")


class Broker:
    """The connection to NATS, made whenever NATS answers."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._client: Client | None = None
        self._closed = asyncio.Event()

    def state(self) -> str:
        """Say how the connection stands."""
        return "ok" if self._client is not None and self._client.is_connected else "not connected"

    async def attach(self, sender: Sender, feed: Feed, notifier: Notifier) -> None:
        """Connect, trying for as long as it takes, then let messages flow both ways.

        Raises ConnectionLost when that connection is closed for good.
        """
        while self._client is None:
            try:
                self._client = await connect_nats(self._url, "gateway", self._closed.set)
            except ServerUnreachable as error:
                log.warning("nats_away", reason=str(error))
                await asyncio.sleep(1)
        await feed.attach(self._client)
        notifier.attach(self._client)
        sender.attach(Publisher(self._client.jetstream(), (streams.COMMANDS, streams.DEAD_LETTERS)))
        await lost(self._closed)

    async def close(self) -> None:
        """Close the connection."""
        if self._client is not None:
            await self._client.close()
