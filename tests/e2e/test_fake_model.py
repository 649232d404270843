"""The whole system with a model: through the tools, past a gate that refuses the first round, to the article."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.fake_environment import environment

from blog_writer import demo
from blog_writer.cli import console
from blog_writer.fake_model import serve_fake_model
from blog_writer.fake_web import FakeWeb, Fault, serve_fake_web
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


async def test_after_a_kill_in_the_seventeenth_search_no_other_search_is_repeated(
    own_system: Any, site: str
) -> None:
    async with serve_fake_model() as model, serve_fake_web() as web:
        own_system.environment |= environment(model.url, web.search.url)
        web.search.faults.extend([*[None] * 16, *[Fault.HANGING] * 4])
        own_system.start()
        job_id = own_system.submit(primary_keyword="energy efficiency", company_url=site)
        await asyncio.to_thread(await_searches, web, 17)
        own_system.kill()
        assert web.search.hung_up.wait(10)
        web.search.faults.clear()
        assert not own_system.start().status(job_id).get("error")

        finished = await asyncio.to_thread(own_system.wait_for, job_id, "completed", "failed")
        assert finished["status"] == "completed", finished
        times = Counter(web.search.queries)
        assert len(times) >= 20
        repeated = {query: count for query, count in times.items() if count > 1}
        assert repeated == {web.search.queries[16]: 2}

        used = finished["result"]["usage"]
        assert used["searches"] == len(web.search.queries)
        assert used["cost_usd"] is None, "no price is set"
        [duplicate] = used["duplicate_spend"]
        assert (duplicate["stage"], duplicate["kind"], duplicate["times"]) == ("research", "search", 1)
        assert duplicate["key"] == web.search.queries[16]


def await_searches(web: FakeWeb, count: int) -> None:
    end = time.monotonic() + 60
    while len(web.search.queries) < count:
        assert time.monotonic() < end, f"only {len(web.search.queries)} searches came"
        time.sleep(0.02)
