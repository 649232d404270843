"""A PostgREST for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest


@pytest.fixture
async def postgrest(rest: Any, database_url: str) -> AsyncIterator[Any]:
    async with rest.served(database_url) as fake:
        yield fake
