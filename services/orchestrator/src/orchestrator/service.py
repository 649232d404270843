"""The orchestrator's composition root."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta

from chassis import logs
from chassis.broker import connect as connect_nats
from chassis.broker import ensure_stream, lost
from chassis.clock import Clock, SystemClock
from chassis.database import close
from chassis.database import connect as connect_postgres
from chassis.http import operations
from chassis.lifecycle import every, until
from chassis.migrate import check_migrated
from contracts import streams
from orchestrator import metrics
from orchestrator.advancing import Advancer
from orchestrator.consumers import consumers
from orchestrator.dead_letters import DeadLetters
from orchestrator.job import WakeUp
from orchestrator.ledger import Ledger
from orchestrator.orphans import reconcile
from orchestrator.settings import Settings
from orchestrator.store import JobStore
from orchestrator.upkeep import Watch

log = logs.get_logger(__name__)

ROLE = ("blog_writer_orchestrator", "jobs")
"""The database role that it works as, and the schema that is its own."""


async def run(settings: Settings, ready: asyncio.Event, stop: asyncio.Event) -> None:
    """Advance jobs until ``stop`` is set. Raises ServerUnreachable or MigrationError when it cannot start."""
    async with AsyncExitStack() as stack:
        pool = await connect_postgres(settings.database_url, name="orchestrator", role=ROLE)
        stack.push_async_callback(close, pool)
        await check_migrated(pool, "jobs", "orchestrator", "run 'blog-writer migrate' first")
        closed = asyncio.Event()
        client = await connect_nats(settings.nats_url, "orchestrator", closed.set)
        stack.push_async_callback(client.close)
        js = client.jetstream()
        for stream in streams.ALL:
            await ensure_stream(js, stream)
        clock = SystemClock()
        store, letters = JobStore(pool), DeadLetters(pool)
        await store.record_durations()
        advancer, watch = Advancer(store, client), Watch(js)
        ready.set()
        log.info("orchestrator_ready", max_concurrent=settings.max_concurrent)
        await until(
            stop,
            lost(closed),
            *consumers(js, advancer, letters, Ledger(pool), clock),
            every(
                1,
                lambda: advancer.admit(settings.max_concurrent, settings.max_concurrent_per_tenant or None),
                name="admission",
                wake=advancer.slots_changed,
            ),
            every(0.5, lambda: _wake(advancer), name="timers"),
            every(1, advancer.relay, name="outbox"),
            every(15, lambda: reconcile(advancer, js, watch), name="orphans"),
            every(60, store.record_durations, name="durations"),
            every(600, lambda: _clean_up(store, letters, settings, clock), name="retention"),
            every(5, lambda: _measure(store, letters), name="metrics"),
            *operations(settings.operations_port, stop, client, pool),
        )


async def _wake(advancer: Advancer) -> None:
    await advancer.apply([(job_id, WakeUp()) for job_id in await advancer.store.due()])


async def _clean_up(store: JobStore, letters: DeadLetters, settings: Settings, clock: Clock) -> None:
    deleted = await store.delete_finished(settings.job_cleanup_days)
    if deleted:
        log.info("jobs_deleted", jobs=deleted, older_than_days=settings.job_cleanup_days)
    await letters.delete_before(clock.now() - timedelta(days=settings.job_cleanup_days))


async def _measure(store: JobStore, letters: DeadLetters) -> None:
    counts = await store.counts()
    metrics.PENDING.set(counts["pending"])
    metrics.RUNNING.set(counts["running"])
    metrics.OLDEST.set(counts["oldest"])
    messages, age = await store.outbox.depth(store.pool)
    metrics.OUTBOX.set(messages)
    metrics.OUTBOX_AGE.set(age)
    metrics.DEAD_LETTERS.set(await letters.waiting())
