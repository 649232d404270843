"""The stage workers' settings."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Literal
from urllib.parse import urlsplit

import msgspec

from chassis.errors import SettingsError
from contracts.stages import StageId

Price = Annotated[float, msgspec.Meta(ge=0, le=100_000)]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Read from the environment at start."""

    ENV: ClassVar[dict[str, str]] = {
        "nats_url": "NATS_URL",
        "google_api_key": "GOOGLE_API_KEY",
        "supabase_url": "SUPABASE_URL",
        "supabase_service_role_key": "SUPABASE_SERVICE_ROLE_KEY",
    }

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
    language_model: Literal["extractive", "gemini", "openai-compatible"] | None = None
    """Who writes; see :attr:`writer` for when none is named."""
    model: str = ""
    """The model's name; gemini-2.5-flash with gemini."""
    image_model: str = ""
    """An Imagen model, with the key of gemini; title cards are drawn without one."""
    model_url: str = ""
    """Base address of an OpenAI-compatible interface, mostly ending in /v1; with gemini, another endpoint."""
    model_key: str = ""
    """Key of the model's provider."""
    google_api_key: str = ""
    """Key for gemini when no other is given; gemini writes when it is set and no writer is named."""
    model_seconds: Annotated[float, msgspec.Meta(gt=0, le=900)] = 180
    """Time for one answer of the model."""
    model_most_tokens: Annotated[int, msgspec.Meta(ge=256, le=1_000_000)] = 16384
    """Of one answer, thoughts included, in jobs with max_cost_usd: so much is set aside for each call."""
    price_input_tokens: Price | None = None
    """USD for a million tokens that the model reads; 0 for a model that costs nothing."""
    price_output_tokens: Price | None = None
    """USD for a million tokens that it writes."""
    price_search: Price | None = None
    """USD for one search; 0 for an engine that costs nothing."""
    price_image: Price | None = None
    """USD for one image."""
    search: Literal["site", "searxng", "brave"] = "site"
    """Who searches: site ranks the company's own pages, the others search the web."""
    search_url: str = ""
    """Base address of a SearXNG instance; with brave, another endpoint."""
    search_key: str = ""
    """Key for brave."""
    search_seconds: Annotated[float, msgspec.Meta(gt=0, le=120)] = 20
    """Time for one search."""
    supabase_url: str = ""
    """A Supabase project, or the address below which a PostgREST has its tables at /rest/v1: articles that a client
    names with client_info.article_id get a row there."""
    supabase_service_role_key: str = ""
    """The project's service role key."""
    supabase_table: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$(?!\n)")] = "articles"
    """The table of these rows."""
    user_agent: str = "blog-writer/0.1"
    """How page requests introduce themselves; robots.txt rules are looked up by its first word."""
    page_seconds: Annotated[float, msgspec.Meta(gt=0, le=300)] = 20
    """Time for reading one page, redirects included."""
    allow_private_networks: tuple[str, ...] = ()
    """Networks like 127.0.0.0/8 whose pages are read though they are not public, at any port."""
    operations_port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 0
    """Port of /health, /ready and /metrics on all addresses; 0 for none."""

    @property
    def writer(self) -> Literal["extractive", "gemini", "openai-compatible"]:
        """Who writes: the one that is named, else gemini if Google's own variable holds a key, else nobody's model."""
        return self.language_model or ("gemini" if self.google_api_key else "extractive")

    def __post_init__(self) -> None:
        """Raise SettingsError when the chosen model, search engine or article table needs what is not given."""
        problems = [*missing(self), *missing_for_search(self), *missing_for_rows(self)]
        if problems:
            raise SettingsError("; ".join(problems))


def missing(settings: Settings) -> list[str]:
    """Return what the chosen models need and is not set, a line for each variable."""
    chosen = settings.writer
    has_key = bool(settings.model_key or settings.google_api_key)
    found = []
    if chosen == "gemini" and not has_key:
        found.append("BLOG_WRITER_MODEL_KEY, or GOOGLE_API_KEY, is not set: gemini needs a key")
    if chosen == "openai-compatible":
        needed = {"BLOG_WRITER_MODEL_URL": settings.model_url, "BLOG_WRITER_MODEL": settings.model}
        found += [
            f"{name} is not set: openai-compatible needs it" for name, value in needed.items() if not value
        ]
    if settings.model_url and not settings.model_url.startswith(("http://", "https://")):
        found.append("BLOG_WRITER_MODEL_URL: its value is not allowed: use an address that begins with http")
    if settings.image_model and chosen != "gemini":
        found.append("BLOG_WRITER_IMAGE_MODEL is only for BLOG_WRITER_LANGUAGE_MODEL=gemini")
    return found


def missing_for_search(settings: Settings) -> list[str]:
    """Return what the chosen search engine needs and is not set, a line for each variable."""
    found = []
    if settings.search == "searxng" and not settings.search_url:
        found.append("BLOG_WRITER_SEARCH_URL is not set: searxng needs the address of an instance")
    if settings.search == "brave" and not settings.search_key:
        found.append("BLOG_WRITER_SEARCH_KEY is not set: brave needs a key")
    if settings.search_url and not settings.search_url.startswith(("http://", "https://")):
        found.append("BLOG_WRITER_SEARCH_URL: its value is not allowed: use an address that begins with http")
    return found


def missing_for_rows(settings: Settings) -> list[str]:
    """Return what a table of articles needs and is not set or not usable, a line for each variable."""
    needed = {
        "SUPABASE_URL": settings.supabase_url,
        "SUPABASE_SERVICE_ROLE_KEY": settings.supabase_service_role_key,
    }
    unset = [name for name, value in needed.items() if not value]
    found = [f"{name} is not set: the other one is" for name in unset] if len(unset) == 1 else []
    if settings.supabase_url and not _is_address(settings.supabase_url):
        found.append(
            "SUPABASE_URL: its value is not allowed: use an address like https://project.supabase.co"
        )
    if not re.fullmatch(r"[!-~]*", settings.supabase_service_role_key):
        found.append(
            "SUPABASE_SERVICE_ROLE_KEY: its value is not allowed: use ASCII characters without spaces"
        )
    return found


def _is_address(text: str) -> bool:
    """Whether a text is an http address with a host, and with nothing after the path."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    return (
        parts.scheme in {"http", "https"}
        and bool(parts.hostname)
        and port != 0
        and not parts.query + parts.fragment
    )


def chosen_stages(names: tuple[str, ...]) -> tuple[StageId, ...]:
    """Return the stages that ``names`` mean, all for none. Raises SettingsError for a name that is none."""
    known = {stage.value: stage for stage in StageId} | {stage.field: stage for stage in StageId}
    unknown = [name for name in names if name not in known]
    if unknown:
        fields = ", ".join(stage.field for stage in StageId)
        raise SettingsError(f"BLOG_WRITER_STAGES: {', '.join(unknown)} is not allowed: stages are {fields}")
    return tuple(dict.fromkeys(known[name] for name in names)) or tuple(StageId)
