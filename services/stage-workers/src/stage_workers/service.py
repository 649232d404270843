"""The stage workers' composition root."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack

from faststream.nats import NatsBroker, NatsMessage

from chassis import logs
from chassis.broker import connect, ensure_stream, faststream_broker, lost, stop_broker
from chassis.clock import SystemClock
from chassis.egress import networks
from chassis.http import operations
from chassis.lifecycle import until
from chassis.objects import ObjectStore
from contracts import codec, streams, subjects
from contracts.commands import JobCancelled
from contracts.stages import StageId
from stage_workers import markets
from stage_workers.adapters.articles import StoredArticles
from stage_workers.adapters.pages import HttpPageFetcher
from stage_workers.attempts import Attempts
from stage_workers.checkpoints import open_bucket
from stage_workers.context import Ports
from stage_workers.engines import open_search_engine
from stage_workers.gates import phrases
from stage_workers.hand_backs import HandBacks
from stage_workers.models import open_image_model, open_language_model
from stage_workers.payloads import Payloads
from stage_workers.registry import REGISTRY, StageFunction
from stage_workers.runner import Runner
from stage_workers.settings import Settings, chosen_stages
from stage_workers.spending.tariff import tariff
from stage_workers.tables import open_article_table

log = logs.get_logger(__name__)


async def run(
    settings: Settings,
    ready: asyncio.Event,
    stop: asyncio.Event,
    registry: Mapping[StageId, StageFunction] = REGISTRY,
) -> None:
    """Run stages until ``stop`` is set, then let running ones end. Raises SettingsError or ServerUnreachable.

    ``registry`` is another pipeline's stages: fault tests and benchmarks put theirs here, and use the rest as it is.
    """
    stages = chosen_stages(settings.stages)
    markets.check()
    phrases.files()
    allowed = networks(settings.allow_private_networks, "BLOG_WRITER_ALLOW_PRIVATE_NETWORKS")
    async with AsyncExitStack() as stack:
        objects = ObjectStore.open(settings.article_store, "BLOG_WRITER_ARTICLE_STORE")
        closed = asyncio.Event()
        client = await connect(settings.nats_url, "stage-workers", closed.set)
        stack.push_async_callback(client.close)
        js = client.jetstream()
        await ensure_stream(js, streams.STAGES)
        await ensure_stream(js, streams.RESULTS)
        await ensure_stream(js, streams.DEAD_LETTERS)
        fetcher = await stack.enter_async_context(
            HttpPageFetcher(settings.user_agent, settings.page_seconds, allowed)
        )
        ports = Ports(
            model=await open_language_model(settings, stack),
            images=await open_image_model(settings, stack),
            search=await open_search_engine(settings, fetcher, stack),
            fetcher=fetcher,
            store=StoredArticles(objects, settings.public_url),
            table=await open_article_table(settings, allowed, stack),
        )
        clock = SystemClock()
        bucket = await open_bucket(js)
        attempts = Attempts(registry, ports, Payloads(objects), bucket, client, clock, tariff(settings))
        runner = Runner(client, attempts, HandBacks(bucket), stages, settings.stage_slots, clock)
        broker = _control(settings, runner, closed)
        stack.push_async_callback(stop_broker, broker)
        await broker.start()
        ready.set()
        log.info("stage_workers_ready", stages=len(stages), slots=settings.stage_slots)
        await until(stop, lost(closed), *runner.loops(), *operations(settings.operations_port, stop, client))
        await runner.drain(settings.drain_seconds)


def _control(settings: Settings, runner: Runner, closed: asyncio.Event) -> NatsBroker:
    """Return the broker that hears cancellations: core NATS, every worker gets each one."""
    broker = faststream_broker(settings.nats_url, "stage-workers-control", closed.set)

    @broker.subscriber(subjects.CANCELLED)
    async def on_cancelled(message: NatsMessage) -> None:
        runner.cancel(codec.decode(message.body, JobCancelled).job_id)

    return broker
