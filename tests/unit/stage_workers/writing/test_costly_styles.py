"""A page's own styles cannot keep a reader busy, and cannot break it."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import lxml.html
import pytest

from stage_workers.adapters.extraction import read_page
from stage_workers.adapters.hidden import drop_hidden

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SECONDS = 30.0
"""Many times what each of these takes; without the bounds they take minutes to days."""
PARAGRAPHS = "<p>Nothing to see.</p>" * 20_000


def finishes(html: str) -> None:
    done = threading.Event()

    def work() -> None:
        drop_hidden(lxml.html.document_fromstring(html))
        done.set()

    threading.Thread(target=work, daemon=True).start()
    assert done.wait(SECONDS), "it did not come to an end"


@pytest.mark.parametrize(
    "css",
    [
        "p ~ p ~ p { color: red }",
        "p:nth-child(2n) { color: red }" * 1000,
        "body p { color: red }" * 1000,
        "* * * * * * * * p { color: red }" * 1000,
    ],
    ids=["siblings", "places", "many", "deep"],
)
def test_selectors_are_looked_for_only_as_long_as_they_are_quick(css: str) -> None:
    finishes(f"<style>{css}</style><body>{PARAGRAPHS}</body>")


def test_a_long_background_is_not_read_again_for_each_element() -> None:
    inner = '<p style="color: red">Nothing to see.</p>' * 5_000
    finishes(f'<body><div style="background: {"x " * 50_000}">{inner}</div></body>')


def test_simple_rules_still_hide() -> None:
    tree = lxml.html.document_fromstring(
        "<style>.a .b { display: none } p > em { font-size: 0 }</style>"
        "<body><div class=a><p class=b>unseen</p><p>seen <em>tiny</em></p></div></body>"
    )
    drop_hidden(tree)
    assert tree.text_content().split()[-1] == "seen"
    assert "unseen" not in lxml.html.tostring(tree.body).decode()


def test_styles_that_nest_without_end_make_a_page_unreadable_and_nothing_worse() -> None:
    with pytest.raises(RecursionError):
        read_page("https://a.example/", f'<p style="color:{"(" * 3000}">Text</p>', NOW)
