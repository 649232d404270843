"""For those who run the service: alive, ready, and where things are."""

from __future__ import annotations

from collections.abc import Callable

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from litestar.plugins.prometheus import PrometheusController

from chassis.database import UNAVAILABLE
from gateway.access import FOR_ADMIN, PUBLIC
from gateway.schemas import Health
from gateway.store import Store

BrokerState = Callable[[], str]
"""Says how the connection to NATS stands: ``ok`` or what is wrong."""


class Metrics(PrometheusController):
    """What Prometheus reads, of all tenants."""

    opt = FOR_ADMIN
    include_in_schema = False


@get("/health", opt=PUBLIC, tags=["system"], summary="Alive")
async def health() -> Health:
    """Answer as long as the process works."""
    return Health(status="ok")


@get(
    "/ready",
    opt=PUBLIC,
    responses={503: ResponseSpec(Health, description="No jobs can be accepted")},
    tags=["system"],
    summary="Ready",
)
async def ready(
    store: NamedDependency[Store], broker_state: NamedDependency[BrokerState]
) -> Response[Health]:
    """Answer 200 when jobs can be accepted, which takes Postgres; without NATS they run later."""
    checks = {"postgres": "ok", "nats": broker_state()}
    try:
        await store.ping()
    except UNAVAILABLE as error:
        checks["postgres"] = str(error) or type(error).__name__
        return Response(Health(status="unready", checks=checks), status_code=503)
    status = "ready" if checks["nats"] == "ok" else "degraded"
    return Response(Health(status=status, checks=checks), status_code=200)


@get("/", opt=PUBLIC, include_in_schema=False)
async def index() -> dict[str, str]:
    """Say where things are."""
    return {
        "service": "blog-writer",
        "documentation": "/schema",
        "submit": "/write-async",
        "jobs": "/jobs",
        "statistics": "/jobs/stats",
        "health": "/health",
        "metrics": "/metrics",
    }
