"""What stages may ask for from outside."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Protocol, TypeVar, runtime_checkable

import msgspec

from stage_workers.article_row import ArticleRow
from stage_workers.chat import Conversation, Reply
from stage_workers.tasks import Task

T = TypeVar("T")


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """A page that was fetched and read."""

    url: str
    """Where it answered, after redirects."""
    title: str
    text: str
    """The main text as Markdown: ``#`` headings, paragraphs divided by empty lines, ``-`` list items, ``|`` tables."""
    description: str = ""
    language: str | None = None
    author: str | None = None
    site_name: str | None = None
    published: str | None = None
    """ISO date, when the page states one."""
    links: tuple[str, ...] = ()
    """Absolute addresses of the page's links, in order, without fragments."""
    json_ld: tuple[dict[str, Any], ...] = ()
    """Objects of its application/ld+json blocks."""
    fetched_at: datetime


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """One search result."""

    url: str
    title: str
    snippet: str = ""


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """An image's bytes."""

    data: bytes
    content_type: str
    width: int
    height: int


class LanguageModel(Protocol):
    """Performs typed writing tasks (:mod:`stage_workers.tasks`)."""

    @property
    def name(self) -> str:
        """What ``result.generator`` says."""
        ...

    async def perform(self, task: Task[T]) -> T:
        """Return the task's result. Raises Transient or Permanent."""
        ...


@runtime_checkable
class ToolUser(Protocol):
    """A LanguageModel that can ask for tools: research then follows the model's own questions."""

    async def converse(self, conversation: Conversation) -> Reply:
        """Return the model's next turn. Raises Transient or Permanent."""
        ...


class ImageModel(Protocol):
    @property
    def name(self) -> str:
        """What ``image.generator`` says."""
        ...

    async def draw(self, title: str, subtitle: str, *, width: int, height: int, seed: str) -> Picture:
        """Return a picture for an article. Raises Transient or Permanent."""
        ...


class SearchEngine(Protocol):
    @property
    def name(self) -> str:
        """The engine's name, for notes and logs."""
        ...

    async def search(
        self,
        query: str,
        *,
        site: str,
        pages: tuple[str, ...],
        limit: int,
        language: str = "",
        country: str = "",
    ) -> tuple[Hit, ...]:
        """Return the best hits, best first. ``site`` and ``pages`` are the company's: the site engine ranks
        those pages, others search the web and may ignore them. ``language`` and ``country`` are the article's, for
        engines that take them. Raises Transient or Permanent."""
        ...


class PageFetcher(Protocol):
    async def page(self, url: str) -> Page:
        """Fetch and read one page or PDF, robots.txt respected. Raises FetchFailed."""
        ...

    async def sitemap(self, site: str, *, limit: int) -> tuple[str, ...]:
        """Return addresses from the site's sitemaps (robots.txt, then /sitemap.xml); empty when it has none."""
        ...


class ArticleStore(Protocol):
    async def put(self, key: str, data: bytes, content_type: str) -> str:
        """Store bytes and return the address they can be read at. Raises Transient, or Permanent when the store does
        not let us in."""
        ...


class ArticleTable(Protocol):
    async def put(self, row: ArticleRow) -> None:
        """Write a row, in the place of an earlier one of the same job. Raises Transient or Permanent."""
        ...


class StageContext(Protocol):
    """What the runner gives to a running stage."""

    @property
    def job_id(self) -> str: ...
    @property
    def tenant(self) -> str: ...
    @property
    def round(self) -> int: ...
    @property
    def attempt(self) -> int: ...
    @property
    def started_at(self) -> datetime:
        """When this attempt started: the stage's clock."""
        ...

    @property
    def model(self) -> LanguageModel: ...
    @property
    def images(self) -> ImageModel: ...
    @property
    def search(self) -> SearchEngine: ...
    @property
    def fetcher(self) -> PageFetcher: ...
    @property
    def store(self) -> ArticleStore: ...
    @property
    def table(self) -> ArticleTable | None:
        """Where articles that a client keeps a record of get a row; None when the operator has set none up."""
        ...

    async def checkpoint(self, key: str, kind: type[T], call: Callable[[], Awaitable[T]]) -> T:
        """Return what ``call`` returned for this key in this job, stage and round, calling it only when nothing
        is recorded: after a crash at most the call that was in flight is repeated. Errors are not recorded."""
        ...

    async def progress(self, message: str, done: int | None = None, total: int | None = None) -> None:
        """Tell whoever follows the job what happens now. Best effort."""
        ...
