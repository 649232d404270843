"""Stand-ins for the ports, for tests of stages: they answer from what they are given."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import urldefrag

from stage_workers.article_row import ArticleRow
from stage_workers.errors import FetchFailed
from stage_workers.ports import (
    ArticleStore,
    ArticleTable,
    Hit,
    ImageModel,
    LanguageModel,
    Page,
    PageFetcher,
    Picture,
    SearchEngine,
)
from stage_workers.tasks import Task

T = TypeVar("T")

STARTED_AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
# The smallest PNG: one transparent pixel.
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
    "0000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)


class MemoryPages:
    """A PageFetcher over pages by address; an exception in place of a page is raised."""

    def __init__(self, pages: Mapping[str, Page | FetchFailed], sitemap: Sequence[str] = ()) -> None:
        self.pages = dict(pages)
        self.fetched: list[str] = []
        self._sitemap = tuple(sitemap)

    async def page(self, url: str) -> Page:
        """Return the page under this address, else fail with ``http_404``."""
        self.fetched.append(url)
        found = self.pages.get(urldefrag(url)[0])
        if found is None:
            raise FetchFailed(url, "http_404", f"{url} answered 404", transient=False)
        if isinstance(found, FetchFailed):
            raise found
        return found

    async def sitemap(self, site: str, *, limit: int) -> tuple[str, ...]:  # noqa: ARG002  one site only
        """Return the addresses given."""
        return self._sitemap[:limit]


class ScriptedModel:
    """A LanguageModel that answers by the task's type, with a value or a function of the task."""

    name = "scripted"

    def __init__(self, answers: Mapping[type[Any], Any] | None = None) -> None:
        self._answers = dict(answers or {})
        self.tasks: list[Task[Any]] = []

    async def perform(self, task: Task[T]) -> T:
        """Return the answer for this type of task; raise it when it is an exception."""
        self.tasks.append(task)
        answer = self._answers[type(task)]
        if isinstance(answer, Exception):
            raise answer
        result: T = answer(task) if callable(answer) else answer
        return result


class PixelPainter:
    """An ImageModel whose every picture is one pixel."""

    name = "pixel"

    async def draw(self, title: str, subtitle: str, *, width: int, height: int, seed: str) -> Picture:  # noqa: ARG002
        """Return a pixel of the size asked for in name."""
        return Picture(data=PIXEL, content_type="image/png", width=width, height=height)


class FixedSearch:
    """A SearchEngine that finds the same for every query."""

    name = "fixed"

    def __init__(self, hits: Sequence[Hit] = ()) -> None:
        self._hits = tuple(hits)
        self.queries: list[str] = []

    async def search(
        self,
        query: str,
        *,
        site: str,  # noqa: ARG002
        pages: tuple[str, ...],  # noqa: ARG002
        limit: int,
        language: str = "",  # noqa: ARG002
        country: str = "",  # noqa: ARG002
    ) -> tuple[Hit, ...]:
        """Return the hits given."""
        self.queries.append(query)
        return self._hits[:limit]


class MemoryArticles:
    """An ArticleStore in memory."""

    def __init__(self) -> None:
        self.files: dict[str, tuple[bytes, str]] = {}

    async def put(self, key: str, data: bytes, content_type: str) -> str:
        """Keep the bytes."""
        self.files[key] = (data, content_type)
        job_id, _, name = key.partition("/")
        return f"http://gateway.test/jobs/{job_id}/files/{name}"


class MemoryTable:
    """An ArticleTable in memory."""

    def __init__(self) -> None:
        self.rows: dict[str, ArticleRow] = {}

    async def put(self, row: ArticleRow) -> None:
        """Keep the row in the place of an earlier one."""
        self.rows[row.job_id] = row


class FakeContext:
    """A StageContext over stand-ins; checkpoints last as long as the object."""

    def __init__(
        self,
        *,
        model: LanguageModel | None = None,
        images: ImageModel | None = None,
        search: SearchEngine | None = None,
        fetcher: PageFetcher | None = None,
        store: ArticleStore | None = None,
        table: ArticleTable | None = None,
        round_number: int = 1,
    ) -> None:
        self.job_id = "00000000-0000-4000-8000-000000000001"
        self.tenant = "default"
        self.round = round_number
        self.attempt = 1
        self.started_at = STARTED_AT
        self.model = model or ScriptedModel()
        self.images = images or PixelPainter()
        self.search = search or FixedSearch()
        self.fetcher = fetcher or MemoryPages({})
        self.store = store or MemoryArticles()
        self.table = table
        self.said: list[str] = []
        self._recorded: dict[str, Any] = {}

    async def checkpoint(self, key: str, kind: type[T], call: Callable[[], Awaitable[T]]) -> T:  # noqa: ARG002
        """Call once for each key."""
        if key not in self._recorded:
            self._recorded[key] = await call()
        result: T = self._recorded[key]
        return result

    async def progress(self, message: str, done: int | None = None, total: int | None = None) -> None:  # noqa: ARG002
        """Remember what was said."""
        self.said.append(message)
