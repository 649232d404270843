"""The gateway's settings."""

from __future__ import annotations

import ipaddress
from typing import Annotated, ClassVar

import msgspec

from chassis.errors import SettingsError


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
    job_cleanup_days: Annotated[float, msgspec.Meta(gt=0)] = 7
    """Days after which what was accepted may be forgotten."""
    allow_private_networks: tuple[str, ...] = ()
    """Networks like 127.0.0.0/8 that webhooks may be sent to though they are not public."""
    db_path: str = ""
    """Shown as ``database_path`` in the statistics."""


def check_host(host: str) -> None:
    """Raise SettingsError unless ``host`` is this machine only: without access keys nobody else may come in."""
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise SettingsError(
            f"BLOG_WRITER_HOST: {host!r} is not allowed: the API has no access keys, so it serves this machine only "
            "(127.0.0.1); put a proxy that authenticates clients in front of it"
        )
