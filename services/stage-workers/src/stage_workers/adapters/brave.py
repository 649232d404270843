"""The web search of Brave, by key."""

from __future__ import annotations

from typing import Any

import msgspec

from stage_workers.adapters.search_http import SECONDS, SearchEndpoint, hits
from stage_workers.adapters.web_search import WebSearch
from stage_workers.ports import Hit

URL = "https://api.search.brave.com/res/v1/web/search"
MOST_HITS = 20
MOST_WORDS = 50
_COUNTRY_CODES = "AR AU AT BE BR CA CL DK FI FR DE GR HK IN ID IT JP KR MY MX NL NZ NO CN PL PT PH RU SA ZA ES SE CH TW TR GB US"
_COUNTRIES = frozenset(_COUNTRY_CODES.split())
_LANGUAGE_CODES = "ar eu bn bg ca hr cs da nl en et fi fr gl de el gu he hi hu is it kn lv lt ms ml mr nb pl pa ro ru sr sk sl es sv ta te th tr uk vi"
_LANGUAGES = frozenset(_LANGUAGE_CODES.split())
"""Others are answered with 422."""


class _Result(msgspec.Struct):
    url: Any = None
    title: Any = None
    description: Any = None


class _Web(msgspec.Struct):
    results: list[_Result] = []


class _Answer(msgspec.Struct):
    type: str
    web: _Web | None = None
    """Left out when nothing is found."""


class Brave(WebSearch):
    """The SearchEngine of Brave."""

    name = "brave"

    def __init__(self, key: str, url: str = URL, seconds: float = SECONDS) -> None:
        headers = {"X-Subscription-Token": key}
        super().__init__(SearchEndpoint(self.name, url, headers, key=key, seconds=seconds))

    async def _found(self, words: str, limit: int, language: str, country: str) -> tuple[Hit, ...]:
        place = {
            "q": " ".join(words.split()[:MOST_WORDS]),
            "country": country if country in _COUNTRIES else "ALL",
        }
        code = language.partition("-")[0].lower()
        spoken = {"search_lang": code} if code in _LANGUAGES else {}
        form = {"count": str(min(limit, MOST_HITS)), "text_decorations": "false", "result_filter": "web"}
        answer = await self._endpoint.get({**place, **spoken, **form}, _Answer)
        found = answer.web.results if answer.web else []
        return hits(((each.url, each.title, each.description) for each in found), limit)
