"""The gateway's settings."""

from __future__ import annotations

from typing import Annotated, ClassVar

import msgspec

from contracts.jobs import MaxCost


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Read from the environment at start."""

    ENV: ClassVar[dict[str, str]] = {"database_url": "DATABASE_URL", "nats_url": "NATS_URL"}

    database_url: str
    """Postgres."""
    nats_url: str
    """NATS with JetStream."""
    article_store: str
    """Where stored files lie: file:///folder or s3://bucket/prefix."""
    host: str = "127.0.0.1"
    """Address to listen on."""
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 8000
    """Port to listen on; 0 takes a free one."""
    max_concurrent: Annotated[int, msgspec.Meta(ge=1)] = 3
    """Slots, as the statistics show them."""
    max_cost_usd: MaxCost | None = None
    """What a job may cost that names no limit itself; no limit when not given."""
    job_cleanup_days: Annotated[float, msgspec.Meta(gt=0)] = 7
    """Days after which what was accepted may be forgotten."""
    allow_private_networks: tuple[str, ...] = ()
    """Networks like 127.0.0.0/8 that webhooks may be sent to though they are not public."""
    db_path: str = ""
    """Shown as ``database_path`` in the statistics."""
    secret_key: str = ""
    """At least 32 random bytes in base64, the same for all gateways: signs the tokens that let a browser read a job."""
    rate_limit: Annotated[int, msgspec.Meta(ge=0)] = 6000
    """Requests a minute of one tenant with API keys, at each gateway; 0 for no limit."""
    cors_origins: tuple[str, ...] = ()
    """Origins such as https://app.example whose pages may call the API from a browser."""

    def __repr__(self) -> str:
        """Show nothing: secrets and the database's password belong in no log."""
        return "Settings(…)"
