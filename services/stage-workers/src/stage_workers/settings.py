"""The stage workers' settings."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import msgspec

from chassis.errors import SettingsError
from contracts.stages import StageId


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Read from the environment at start."""

    ENV: ClassVar[dict[str, str]] = {"nats_url": "NATS_URL"}

    nats_url: str
    """NATS with JetStream."""
    article_store: str
    """Where articles and large payloads are stored: file:///folder or s3://bucket/prefix."""
    public_url: str = "http://127.0.0.1:8000"
    """The gateway as clients reach it: stored files are served from there."""
    stages: tuple[str, ...] = ()
    """Stages to run, by id or name; all when empty."""
    stage_slots: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 16
    """Stages at once in this process. With fewer than the stages that it serves, these take turns to ask for work."""
    drain_seconds: Annotated[float, msgspec.Meta(ge=0)] = 20
    """Time for running stages to end when the worker is stopped."""
    language_model: Literal["extractive"] = "extractive"
    """Who writes."""
    search: Literal["site"] = "site"
    """Who searches: site ranks the company's own pages."""
    user_agent: str = "blog-writer/0.1"
    """How page requests introduce themselves; robots.txt rules are looked up by its first word."""
    page_seconds: Annotated[float, msgspec.Meta(gt=0, le=300)] = 20
    """Time for reading one page, redirects included."""
    allow_private_networks: tuple[str, ...] = ()
    """Networks like 127.0.0.0/8 whose pages are read though they are not public, at any port."""
    operations_port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 0
    """Port of /health, /ready and /metrics on all addresses; 0 for none."""


def chosen_stages(names: tuple[str, ...]) -> tuple[StageId, ...]:
    """Return the stages that ``names`` mean, all for none. Raises SettingsError for a name that is none."""
    known = {stage.value: stage for stage in StageId} | {stage.field: stage for stage in StageId}
    unknown = [name for name in names if name not in known]
    if unknown:
        fields = ", ".join(stage.field for stage in StageId)
        raise SettingsError(f"BLOG_WRITER_STAGES: {', '.join(unknown)} is not allowed: stages are {fields}")
    return tuple(dict.fromkeys(known[name] for name in names)) or tuple(StageId)
