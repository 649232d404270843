"""Jobs: the request a client makes, and the states a job goes through."""

from __future__ import annotations

import enum
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

Url = Annotated[str, Meta(max_length=2048, pattern=r"^[Hh][Tt][Tt][Pp][Ss]?://[^\s/?#]+[^\s]*$(?!\n)")]
"""An absolute http or https address."""

Slug = Annotated[str, Meta(min_length=1, max_length=200)]
Prompt = Annotated[str, Meta(max_length=4000)]
ShortText = Annotated[str, Meta(max_length=200)]
MaxCost = Annotated[float, Meta(gt=0, le=100_000)]
"""In US dollars."""


class JobState(enum.StrEnum):
    """The states of a job: pending → running → completed | failed | cancelled.

    Each says in three sentences who enters it, who leaves it, and what a crash does.
    """

    PENDING = "pending"
    """Entered by a submission, and by the retry of a failed job. Left by admission to a slot, or by cancellation.
    A crash changes nothing: the row waits, and any orchestrator admits it."""

    RUNNING = "running"
    """Entered by admission: the job holds a slot. Left when the last stage is done, a stage fails for good, the
    deadline passes, or the job is cancelled. A crash changes nothing: commands and results come again, lost ones are
    sent again, and the row decides which of them count."""

    COMPLETED = "completed"
    """Entered when the publish stage is done. Never left. A crash changes nothing: the result was committed with the
    state, and what comes again is ignored."""

    FAILED = "failed"
    """Entered when a stage fails for good or the deadline passes; what was produced is kept. Left only by a retry
    command, which goes on from the failed stage. A crash changes nothing: a worker that did not hear of the failure
    works in vain, since its result is ignored."""

    CANCELLED = "cancelled"
    """Entered by a cancel command, from pending or from running. Never left. A crash changes nothing: a worker that
    did not hear of the cancellation works in vain, since its result is ignored."""


CallbackEvent = Literal[
    "submitted",
    "started",
    "stage_started",
    "stage_retrying",
    "stage_completed",
    "quality_rejected",
    "completed",
    "failed",
    "cancelled",
]
"""Events that a webhook may tell: all that have a ``seq``."""

DEFAULT_CALLBACK_EVENTS: tuple[CallbackEvent, ...] = ("completed", "failed", "cancelled")
"""What is told unless a request says otherwise: the ends."""

TERMINAL_STATES = frozenset({JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED})


class BatchSibling(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Another article of the same batch: a target for internal links, and something not to repeat."""

    slug: Slug
    keyword: ShortText | None = None
    headline: ShortText | None = None
    url: Url | None = None


class ArticleRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a client asks for. Bounds are checked when a request is read."""

    primary_keyword: Annotated[str, Meta(min_length=1, max_length=200, pattern=r"\S")]
    """What the article is about."""
    company_url: Url
    """The site of the company that publishes the article."""
    language: Annotated[str, Meta(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z]{2,4})?$(?!\n)")] = "en"
    """BCP 47 language of the article."""
    country: Annotated[str, Meta(pattern=r"^[A-Za-z]{2}$(?!\n)")] = "US"
    """ISO 3166 country of the readers."""
    callback_url: Url | None = None
    """Where signed webhooks go."""
    callback_events: Annotated[tuple[CallbackEvent, ...], Meta(min_length=1, max_length=9)] = (
        DEFAULT_CALLBACK_EVENTS
    )
    """The events that a webhook is sent for."""
    webhook_payload: Literal["full", "thin"] = "full"
    """``full`` brings the article; ``thin`` identifiers and links only."""
    priority: Annotated[int, Meta(ge=1, le=3)] = 2
    """1 high, 2 normal, 3 low."""
    max_duration_minutes: Annotated[int, Meta(ge=1, le=60)] = 30
    """From the start of the job; past it the job fails with ``deadline_exceeded``."""
    max_cost_usd: MaxCost | None = None
    """What model, searches and images may cost in all; a call that could exceed it is not made, and the job fails with
    ``budget_exceeded``."""
    batch_id: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    """A name of the client's that groups jobs."""
    company_name: ShortText | None = None
    company_data: dict[str, Any] | None = None
    """Facts about the company that the client knows better than the site."""
    sitemap_urls: Annotated[tuple[Url, ...], Meta(max_length=1000)] = ()
    """Pages of the company's site, in place of or beside its sitemap."""
    existing_blog_slugs: Annotated[tuple[Slug, ...], Meta(max_length=1000)] = ()
    batch_siblings: Annotated[tuple[BatchSibling, ...], Meta(max_length=200)] = ()
    content_generation_instruction: Prompt | None = None
    word_count: Annotated[int, Meta(ge=300, le=10_000)] | None = None
    """Words to aim at; the brief chooses when it is not given."""
    tone: ShortText | None = None
    system_prompts: Annotated[tuple[Prompt, ...], Meta(max_length=20)] = ()
    review_prompts: Annotated[tuple[Prompt, ...], Meta(max_length=20)] = ()
    slug: Slug | None = None
    index: bool = True
    """Whether search engines may index the article (a robots meta tag)."""
    source_urls: Annotated[tuple[Url, ...], Meta(max_length=50)] = ()
    """Pages to read as sources beside those that are found."""
    client_info: dict[str, Any] | None = None
    """Anything the client wants back in the result."""
