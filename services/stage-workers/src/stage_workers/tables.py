"""Opens the table of articles that the settings name."""

from __future__ import annotations

from contextlib import AsyncExitStack

from chassis.egress import Network
from stage_workers.adapters.postgrest import PostgrestTable
from stage_workers.ports import ArticleTable
from stage_workers.settings import Settings


async def open_article_table(
    settings: Settings, allowed: tuple[Network, ...], stack: AsyncExitStack
) -> ArticleTable | None:
    """Return the table, None when none is set up; it is closed with ``stack``."""
    if not settings.supabase_url:
        return None
    table = PostgrestTable(
        settings.supabase_url, settings.supabase_service_role_key, settings.supabase_table, allowed
    )
    return await stack.enter_async_context(table)
