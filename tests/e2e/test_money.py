"""What an article costs, and what happens when it may not cost more."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from typing import Any

import pytest
from tests.fake_environment import environment

from blog_writer.fake_model import serve_fake_model
from blog_writer.fake_web import serve_fake_web

SEARCH = 0.01
LIMIT = 0.125


PRICES = {
    "BLOG_WRITER_PRICE_INPUT_TOKENS": "0.05",
    "BLOG_WRITER_PRICE_OUTPUT_TOKENS": "0.2",
    "BLOG_WRITER_PRICE_SEARCH": str(SEARCH),
}


async def test_a_job_stops_before_its_limit_and_goes_on_with_a_higher_one_without_paying_again(
    own_system: Any, site: str
) -> None:
    async with serve_fake_model() as model, serve_fake_web() as web:
        more = {"BLOG_WRITER_MAX_COST_USD": str(LIMIT)}
        own_system.environment |= environment(model.url, web.search.url, **{**PRICES, **more})
        own_system.start()
        job_id = own_system.submit(primary_keyword="energy efficiency", company_url=site)
        failed = await asyncio.to_thread(own_system.wait_for, job_id, "completed", "failed")
        assert failed["error_code"] == "budget_exceeded", failed
        assert (failed["error_stage"], failed["max_cost_usd"]) == ("stage_02", LIMIT)
        assert failed["stages_completed"] == 2
        used = failed["usage"]
        assert used["searches"] == len(web.search.queries) > 5
        assert SEARCH * used["searches"] < used["cost_usd"] <= LIMIT
        assert used["cost_usd"] + used["unsettled_usd"] <= LIMIT

        retry = ["retry", job_id, "--max-cost", "5", "--url", own_system.url]
        process = await asyncio.create_subprocess_exec(sys.executable, "-m", "blog_writer", *retry)
        assert await asyncio.wait_for(process.wait(), 60) == 0
        done = await asyncio.to_thread(own_system.wait_for, job_id, "completed", seconds=120)
        times = Counter(web.search.queries)
        assert len(times) >= 20
        assert set(times.values()) == {1}
        used = done["usage"]
        assert used["searches"] == len(times)
        assert (used["duplicate_spend"], used["unsettled"], done["max_cost_usd"]) == ([], 0, 5)
        assert used["calls"] > 5
        assert used["cost_usd"] == pytest.approx(
            SEARCH * used["searches"] + (0.05 * used["input_tokens"] + 0.2 * used["output_tokens"]) / 1e6,
            abs=1e-6 * used["calls"],
        )
        result = done["result"]["usage"]
        assert result == {**used, "pages": result["pages"]}
        assert result["pages"] >= 10
        assert set(used["stages"]) >= {"brief", "research", "draft"}


async def test_a_limit_without_prices_is_refused_before_anything_is_asked(own_system: Any, site: str) -> None:
    async with serve_fake_model() as model, serve_fake_web() as web:
        own_system.environment |= environment(
            model.url, web.search.url, **{**PRICES, "BLOG_WRITER_PRICE_SEARCH": ""}
        )
        own_system.start()
        job_id = own_system.submit(primary_keyword="energy efficiency", company_url=site, max_cost_usd=1)
        failed = await asyncio.to_thread(own_system.wait_for, job_id, "completed", "failed")
        assert failed["error_code"] == "price_missing"
        assert "BLOG_WRITER_PRICE_SEARCH" in failed["error"]
        assert "usage" not in failed
        assert (model.seen, web.search.queries) == ([], [])
