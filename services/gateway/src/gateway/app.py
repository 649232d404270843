"""The HTTP application."""

from __future__ import annotations

from typing import Any

from litestar import Litestar, Router
from litestar.config.cors import CORSConfig
from litestar.config.response_cache import ResponseCacheConfig
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import ScalarRenderPlugin
from litestar.plugins.prometheus import PrometheusConfig

from chassis.clock import Clock
from chassis.egress import networks
from chassis.objects import ObjectStore
from contracts.payloads import REQUEST_LIMIT
from gateway import batches, browsing, deliveries, events, jobs, operations, submissions
from gateway.access import PUBLIC, Access, tenant_of
from gateway.callbacks import CallbackRules
from gateway.feed import Feed
from gateway.headers import add_headers
from gateway.notifier import Notifier
from gateway.openapi import COMPONENTS, KEY, complete
from gateway.operations import BrokerState
from gateway.problems import handle
from gateway.settings import Settings
from gateway.store import Store
from gateway.submissions import Intake, Sender
from gateway.waiting import Waiting

ROUTES = (
    submissions.write_async,
    submissions.write_batch,
    submissions.write,
    jobs.list_jobs,
    jobs.get_stats,
    jobs.get_errors,
    jobs.get_status,
    jobs.cancel_job,
    jobs.retry_job,
    jobs.get_article,
    jobs.get_file,
    browsing.make_token,
    events.get_events,
    deliveries.get_deliveries,
    deliveries.replay_deliveries,
    deliveries.test_webhook,
    batches.get_batch,
    operations.health,
    operations.ready,
    operations.index,
)


def create_app(
    settings: Settings,
    store: Store,
    sender: Sender,
    feed: Feed,
    objects: ObjectStore,
    clock: Clock,
    broker_state: BrokerState,
    access: Access,
    notifier: Notifier,
) -> Litestar:
    """Return the application with its dependencies. Raises SettingsError."""
    callbacks = CallbackRules(networks(settings.allow_private_networks, "BLOG_WRITER_ALLOW_PRIVATE_NETWORKS"))
    provided: dict[str, Any] = {
        "settings": settings,
        "store": store,
        "sender": sender,
        "intake": Intake(store, sender, clock, callbacks, settings.max_cost_usd),
        "callbacks": callbacks,
        "notifier": notifier,
        "waiting": Waiting(store, feed, clock),
        "objects": objects,
        "clock": clock,
        "broker_state": broker_state,
        "access": access,
    }
    metrics = PrometheusConfig(app_name="blog_writer", prefix="blog_http", group_path=True)
    app = Litestar(
        route_handlers=[*ROUTES, operations.Metrics],
        guards=[access.guard],
        before_send=[add_headers],
        cors_config=cors(settings.cors_origins),
        dependencies={
            "tenant": Provide(tenant_of, sync_to_thread=False),
            **{name: Provide(_giver(value), sync_to_thread=False) for name, value in provided.items()},
        },
        exception_handlers={Exception: handle},
        middleware=[metrics.middleware],
        request_max_body_size=REQUEST_LIMIT,
        response_cache_config=ResponseCacheConfig(default_expiration=None),
        openapi_config=OpenAPIConfig(
            title="blog-writer",
            version="1",
            description="Writes blog articles as durable, fire-and-forget jobs.",
            render_plugins=[ScalarRenderPlugin()],
            components=COMPONENTS,
            security=[{KEY: []}],
            openapi_router=Router("/schema", route_handlers=[], opt=PUBLIC, include_in_schema=False),
        ),
        logging_config=None,
    )
    complete(app.openapi_schema)
    return app


def cors(origins: tuple[str, ...]) -> CORSConfig | None:
    """Return what lets pages of other origins in, None for none. They bring keys or tokens themselves: no cookies."""
    if not origins:
        return None
    headers = ["Authorization", "Content-Type", "Idempotency-Key", "Last-Event-ID"]
    return CORSConfig(allow_origins=list(origins), allow_methods=["GET", "POST"], allow_headers=headers)


def _giver(value: Any) -> Any:
    def give() -> Any:
        return value

    return give
