"""Reads several pages at once, each recorded as a checkpoint."""

import asyncio
import hashlib
from collections.abc import Sequence

import msgspec

from stage_workers.errors import FetchFailed
from stage_workers.ports import Page, StageContext
from stage_workers.site.error_pages import is_error_page
from stage_workers.site.injection import gives_orders

_AT_ONCE = 4


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """Pages that were read, by the address asked for, and failures, by address."""

    pages: dict[str, Page]
    failures: dict[str, FetchFailed]

    def notes(self) -> tuple[str, ...]:
        """Return a line for each page that could not be read."""
        return tuple(f"not read: {failure.reason} ({failure.code})" for failure in self.failures.values())


async def read_page(url: str, ctx: StageContext) -> Page:
    """Return the page, fetched at most once in this round. Raises FetchFailed, with ``soft_404`` for a page that only
    says that there is none, with ``hostile_text`` for one that gives orders to machines."""
    page = await ctx.checkpoint(key("page", url), Page, lambda: ctx.fetcher.page(url))
    if is_error_page(page.title, page.text):
        raise FetchFailed(url, "soft_404", f"{url} answered with an error's text", transient=False)
    if await asyncio.to_thread(gives_orders, page):
        raise FetchFailed(
            url, "hostile_text", f"{url} gives orders to machines that read it", transient=False
        )
    return page


async def read_pages(urls: Sequence[str], ctx: StageContext) -> Reading:
    """Read the pages, four at a time; one that fails does not stop the others."""
    places = asyncio.Semaphore(_AT_ONCE)
    found: dict[str, Page | FetchFailed] = {}

    async def one(url: str) -> None:
        async with places:
            await ctx.progress(f"page {len(found) + 1} of {len(urls)}: {url}", len(found), len(urls))
            try:
                found[url] = await read_page(url, ctx)
            except FetchFailed as failure:
                found[url] = failure

    async with asyncio.TaskGroup() as group:
        for url in dict.fromkeys(urls):
            group.create_task(one(url))
    ordered = {url: found[url] for url in urls}
    return Reading(
        pages={url: each for url, each in ordered.items() if isinstance(each, Page)},
        failures={url: each for url, each in ordered.items() if isinstance(each, FetchFailed)},
    )


def key(kind: str, text: str) -> str:
    """Return a checkpoint's key for something named by a long text."""
    return f"{kind}.{hashlib.sha256(text.encode()).hexdigest()[:20]}"
