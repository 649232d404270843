"""``make eval``: articles in other languages are written by the whole system, and the page tells what they came to."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from blog_writer.cli import console
from blog_writer.evaluation.__main__ import Brief, briefs, evaluate
from blog_writer.evaluation.report import HEAD, Row, page, row, table
from blog_writer.fake_web.hostile import hostile_pages

DOCUMENT = Path(__file__).parents[3] / "docs/quality.md"
RESULT: dict[str, Any] = {
    "primary_keyword": "heat",
    "language": "en-GB",
    "country": "GB",
    "aeo_score": 71.26,
    "quality_passed": False,
    "word_count": 812,
    "citations": [{}, {}, {}],
    "quality_report": {
        "rounds": [
            {"findings": [{"code": "truncated_item", "critical": True}]},
            {
                "chosen": True,
                "findings": [
                    {"code": "keyword_density", "critical": True},
                    {"code": "keyword_density", "critical": True},
                    {"code": "lists"},
                ],
            },
            {"findings": []},
        ]
    },
}


def test_a_row_tells_of_the_round_that_was_printed() -> None:
    found = row(RESULT, 2.5)
    assert found == Row("heat", "en-GB, GB", 71.26, False, 3, ("keyword_density",), 1, 3, 812, 2.5)
    assert found.cells() == (
        "heat",
        "en-GB, GB",
        "71.3",
        "no",
        "3",
        "keyword_density",
        "1",
        "3",
        "812",
        "2.5",
    )


def test_the_table_ends_with_means() -> None:
    good = Row("a", "en, GB", 80.0, True, 1, (), 0, 5, 1000, 1.5)
    bad = Row("b", "de, DE", 60.0, False, 3, ("wrong_language",), 4, 2, 500, 2.5)
    last = table([good, bad]).splitlines()[-1]
    assert last == "| **mean** |  | 70.0 | 1 of 2 | 2.0 | 1 | 2.0 | 3.5 | 750 | 2.0 |"
    assert "Last written on 2026-03-02." in page([good, bad], date(2026, 3, 2))


def test_there_are_ten_briefs_in_three_languages() -> None:
    assert len(briefs()) == 10
    assert {brief.language[:2] for brief in briefs()} == {"en", "de", "fr"}


def test_the_page_has_a_row_for_each_brief_and_counts_the_corpus() -> None:
    text = DOCUMENT.read_text()
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| ")]
    assert rows[0] == [f"| {HEAD[0]}", *HEAD[1:-1], f"{HEAD[-1]} |"]
    assert [each[0][2:] for each in rows[2:-1]] == [brief.keyword for brief in briefs()]
    assert f"A corpus of {len(hostile_pages())} pages" in text
    measured = re.search(r"Last written on (\S+)\.", text)
    assert measured is not None
    before, after = page([], date.fromisoformat(measured[1])).split(table([]))
    assert text.startswith(before), "the page is not the one that make eval writes"
    assert text.endswith(after), "the page is not the one that make eval writes"


@pytest.mark.parametrize(
    ("language", "keyword", "company", "slug"),
    [
        ("de-DE", "Energie sparen", "lindgrund", "energie-sparen"),
        ("fr-FR", "économies d’énergie", "atelier-brisard", "economies-denergie"),
    ],
)
async def test_an_article_is_written_in_its_language_from_pages_in_it(
    tmp_path: Path, language: str, keyword: str, company: str, slug: str
) -> None:
    brief = Brief(keyword=keyword, language=language, country=language[3:], company=company)
    (found,) = await evaluate((brief,), tmp_path, console)
    assert found.passed
    assert found.score >= 75
    assert found.sources >= 3
    assert "wrong_language" not in found.critical
    result = json.loads((tmp_path / slug / "article.json").read_text())
    assert result["html_content"].startswith(f'<article lang="{language}">')
