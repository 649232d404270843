"""The whole system with a model: through the tools, past a gate that refuses the first round, to the article."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from blog_writer.cli import console
from blog_writer.demo import write_demo_article


@pytest.fixture
async def result(tmp_path: Path) -> dict[str, Any]:
    await write_demo_article("energy efficiency", tmp_path, console, fake_model=True)
    found: dict[str, Any] = json.loads((tmp_path / "article.json").read_text())
    return found


async def test_a_round_that_failed_is_followed_by_one_that_passed(result: dict[str, Any]) -> None:
    assert result["generator"] == "gemini/fake-writer"
    first, second = result["quality_report"]["rounds"]
    assert not first["passed"]
    assert any(finding["code"] == "duplicate_section" for finding in first["findings"])
    assert second["passed"]
    assert result["aeo_score"] >= 75
    assert len(result["citations"]) >= 5
