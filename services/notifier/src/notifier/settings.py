"""The notifier's settings."""

from __future__ import annotations

from typing import Annotated, ClassVar

import msgspec

from notifier.schedule import LADDER

WHSEC_FORMAT = (
    r"^whsec_(?=[A-Za-z0-9+/]{32,86}=*$)([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}(==)?|[A-Za-z0-9+/]{3}=?)?$"
)
Secret = Annotated[str, msgspec.Meta(pattern=WHSEC_FORMAT)]
"""``whsec_`` and 24 to 64 bytes in base64."""
Seconds = Annotated[float, msgspec.Meta(ge=0, le=30 * 24 * 3600)]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Read from the environment at start."""

    ENV: ClassVar[dict[str, str]] = {"database_url": "DATABASE_URL", "nats_url": "NATS_URL"}

    database_url: str
    """Postgres."""
    nats_url: str
    """NATS with JetStream."""
    webhook_secret: Annotated[tuple[Secret, ...], msgspec.Meta(min_length=1)]
    """What webhooks are signed with; several, with commas between, while one replaces another."""
    webhook_timeout_seconds: Annotated[float, msgspec.Meta(gt=0, le=300)] = 15
    """For a whole attempt: name, connection, request and answer."""
    webhook_retry_seconds: Annotated[tuple[Seconds, ...], msgspec.Meta(min_length=1)] = LADDER
    """Wait before each attempt, the first included."""
    webhook_concurrency: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 64
    """Attempts at once, in this process."""
    webhook_endpoint_concurrency: Annotated[int, msgspec.Meta(ge=1, le=100)] = 4
    """Of them to one endpoint."""
    webhook_endpoint_rate: Annotated[float, msgspec.Meta(gt=0, le=10_000)] = 50
    """Webhooks a second to one endpoint, from this process."""
    webhook_breaker_seconds: Annotated[float, msgspec.Meta(gt=0, le=3600)] = 30
    """How long an endpoint that failed ten times in a row is left alone at first; later up to 16 times as long."""
    public_url: str = ""
    """How clients reach the API; what the links in thin webhooks begin with."""
    webhook_sweep_seconds: Annotated[float, msgspec.Meta(gt=0)] = 10
    """How often ended jobs without a delivery are looked for."""
    job_cleanup_days: Annotated[float, msgspec.Meta(gt=0)] = 7
    """Days for which ended jobs are kept, and looked at by the sweep."""
    allow_private_networks: tuple[str, ...] = ()
    """Networks like 127.0.0.0/8 whose receivers are called though they are not public, at any port."""
    operations_port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 0
    """Port of /health, /ready and /metrics on all addresses; 0 for none."""

    def __repr__(self) -> str:
        """Show nothing: the secrets belong in no log."""
        return "Settings(…)"
