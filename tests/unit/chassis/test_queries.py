"""Named SQL."""

from __future__ import annotations

import pytest

from chassis.database import Queries, together
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


def test_statements_together_keep_their_parameters_and_return_what_the_last_returns() -> None:
    sql, parameters = together(
        [
            ("UPDATE a SET x = $2 WHERE id = $1;\n", (1, "x")),
            ("DELETE FROM b WHERE id = $1", (2,)),
            ("INSERT INTO c SELECT $1, $1 RETURNING id", (3,)),
        ]
    )
    assert sql == (
        "WITH part_0 AS (UPDATE a SET x = $2 WHERE id = $1), part_1 AS (DELETE FROM b WHERE id = $3)"
        " INSERT INTO c SELECT $4, $4 RETURNING id"
    )
    assert parameters == [1, "x", 2, 3]


def test_one_statement_stays_as_it_is() -> None:
    assert together([("SELECT $1;", (7,))]) == ("SELECT $1", [7])
