"""The whole system with a model: through the tools, past a gate that refuses the first round, to the article."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from blog_writer import demo
from blog_writer.cli import console
from blog_writer.fake_web import FakeWeb, serve_fake_web
from stage_workers.evidence import normal, stands


class Written:
    """A finished article and the web that it was written from."""

    def __init__(self) -> None:
        self.result: dict[str, Any] = {}
        self.webs: list[FakeWeb] = []

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[FakeWeb]:
        async with serve_fake_web() as web:
            self.webs.append(web)
            yield web


@pytest.fixture
async def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Written:
    found = Written()
    monkeypatch.setattr(demo, "serve_fake_web", found.serve)
    await demo.write_demo_article("energy efficiency", tmp_path, console, fake_model=True)
    found.result = json.loads((tmp_path / "article.json").read_text())
    return found


async def test_an_article_comes_from_a_searched_web_after_a_round_that_failed(written: Written) -> None:
    result, (web,) = written.result, written.webs
    assert result["generator"] == "gemini/fake-writer"
    first, second = result["quality_report"]["rounds"]
    assert not first["passed"]
    assert any(finding["code"] == "duplicate_section" for finding in first["findings"])
    assert second["passed"]
    assert result["aeo_score"] >= 75

    queries = web.search.queries
    assert len(queries) >= 20
    assert len(set(queries)) == len(queries)
    assert all(asked.parameters["language"] == "en-US" for asked in web.search.asked)

    pages = {page.url: page for site in web.publishers for page in site.documents}
    citations = result["citations"]
    assert len(citations) >= 10
    assert {citation["url"] for citation in citations} <= pages.keys()
    assert all(stands(citation["quote"], normal(pages[citation["url"]].text)) for citation in citations)
    hosts = Counter(urlsplit(citation["url"]).netloc for citation in citations)
    assert len(hosts) >= 4
    assert max(hosts.values()) <= len(citations) / 2
