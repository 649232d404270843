"""The orchestrator's settings."""

from __future__ import annotations

from typing import Annotated, ClassVar

import msgspec


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Read from the environment at start."""

    ENV: ClassVar[dict[str, str]] = {"database_url": "DATABASE_URL", "nats_url": "NATS_URL"}

    database_url: str
    """Postgres."""
    nats_url: str
    """NATS with JetStream."""
    max_concurrent: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 3
    """Jobs that run at once, over all replicas."""
    max_concurrent_per_tenant: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = 0
    """Jobs of one tenant that run at once, over all replicas; 0 for no limit but the one of all."""
    job_cleanup_days: Annotated[float, msgspec.Meta(gt=0)] = 7
    """Days after which ended jobs are deleted."""
    operations_port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 0
    """Port of /health, /ready and /metrics on all addresses; 0 for none."""

    def __repr__(self) -> str:
        """Show nothing: the database's password belongs in no log."""
        return "Settings(…)"
