"""Opens the search engine that the settings choose."""

from __future__ import annotations

from contextlib import AsyncExitStack

from stage_workers.adapters import brave
from stage_workers.adapters.brave import Brave
from stage_workers.adapters.searxng import SearXNG
from stage_workers.adapters.site_search import SiteSearch
from stage_workers.ports import PageFetcher, SearchEngine
from stage_workers.settings import Settings


async def open_search_engine(settings: Settings, fetcher: PageFetcher, stack: AsyncExitStack) -> SearchEngine:
    """Return the engine; it is closed with ``stack``."""
    seconds = settings.search_seconds
    if settings.search == "searxng":
        return await stack.enter_async_context(SearXNG(settings.search_url, seconds))
    if settings.search == "brave":
        url = settings.search_url or brave.URL
        return await stack.enter_async_context(Brave(settings.search_key, url, seconds))
    return SiteSearch(fetcher)
