"""A SearXNG instance: a search engine that anybody can run, over many others. Its JSON format must be on."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from stage_workers.adapters.search_http import SECONDS, SearchEndpoint, hits
from stage_workers.adapters.web_search import WebSearch
from stage_workers.errors import Permanent
from stage_workers.ports import Hit

_LANGUAGE = re.compile(r"[a-z]{2,3}")
_COUNTRY = re.compile(r"[A-Z]{2}")


class _Result(msgspec.Struct):
    url: Any = None
    title: Any = None
    content: Any = None


class _Answer(msgspec.Struct):
    results: list[_Result]


class SearXNG(WebSearch):
    """The SearchEngine of one instance."""

    name = "searxng"

    def __init__(self, url: str, seconds: float = SECONDS) -> None:
        super().__init__(SearchEndpoint(self.name, f"{url.rstrip('/')}/search", {}, seconds=seconds))

    async def _found(self, words: str, limit: int, language: str, country: str) -> tuple[Hit, ...]:
        parameters = {"q": words, "format": "json", "language": _locale(language, country)}
        try:
            answer = await self._endpoint.get(parameters, _Answer)
        except Permanent as problem:
            if problem.code == "search_key":
                hint = "; is json among search.formats of its settings.yml?"
                raise Permanent(problem.code, problem.reason + hint) from problem
            raise
        return hits(((each.url, each.title, each.content) for each in answer.results), limit)


def _locale(language: str, country: str) -> str:
    """Return the locale as SearXNG takes it, ``de-AT``; ``all`` for what it would refuse."""
    code = language.partition("-")[0].lower()
    if not _LANGUAGE.fullmatch(code):
        return "all"
    return f"{code}-{country}" if _COUNTRY.fullmatch(country) else code
