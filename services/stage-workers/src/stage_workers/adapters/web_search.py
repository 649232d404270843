"""What search engines of the web have in common: a query is cleaned, and an empty one is not asked."""

from __future__ import annotations

from abc import ABC, abstractmethod

from stage_workers.adapters.endpoint_owner import EndpointOwner
from stage_workers.adapters.search_http import SearchEndpoint, asked
from stage_workers.ports import Hit


class WebSearch(EndpointOwner[SearchEndpoint], ABC):
    """A SearchEngine that does not care whose article it searches for."""

    async def search(
        self,
        query: str,
        *,
        site: str,  # noqa: ARG002  the web is searched
        pages: tuple[str, ...],  # noqa: ARG002
        limit: int,
        language: str = "",
        country: str = "",
    ) -> tuple[Hit, ...]:
        """See SearchEngine."""
        words = asked(query)
        return await self._found(words, limit, language, country) if words else ()

    @abstractmethod
    async def _found(self, words: str, limit: int, language: str, country: str) -> tuple[Hit, ...]:
        """Return the best hits for some words. Raises Transient or Permanent."""
