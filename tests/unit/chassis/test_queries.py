"""Named SQL."""

from __future__ import annotations

import pytest

from chassis.database import Queries
from chassis.errors import QueryError

TEXT = """-- All about pages.
-- name: one
-- Reads one page.
SELECT 1;

-- name: two_more (for writers)
SELECT 2
  -- name: inside a line is no header
  , 3
"""


def test_each_block_is_found_under_its_name() -> None:
    queries = Queries(TEXT)
    assert queries["one"] == "-- Reads one page.\nSELECT 1;"
    assert queries["two_more"].startswith("SELECT 2\n")
    assert queries["two_more"].endswith(", 3")


def test_an_unknown_name_is_named_with_those_there_are() -> None:
    with pytest.raises(QueryError, match=r"no query 'three', only one, two_more"):
        Queries(TEXT)["three"]


def test_a_name_given_twice_is_an_error() -> None:
    with pytest.raises(QueryError, match="'one' is there twice"):
        Queries("-- name: one\nSELECT 1\n-- name: one\nSELECT 2\n")
