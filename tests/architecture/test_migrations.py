"""Migrations run while the release before them goes on: they add, and take away only what no release uses any more.

How a change is made in two halves is told in ``docs/adr/0006-pipeline-versions.md``.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from blog_writer.migrations import SCHEMAS

SERVICES = Path(__file__).parents[2] / "services"
FILES = sorted(SERVICES.glob("*/src/*/migrations/*.sql"))
BEFORE_THE_RULE = {"orchestrator/0003_ends.sql"}
"""Applied already, so it cannot be changed: an index made while writers wait."""

CONTRACT = re.compile(r"^-- contract: since (\d{4})$", re.MULTILINE)
NO_TRANSACTION = re.compile(r"^-- transaction: none$", re.MULTILINE)
DESTRUCTIVE = {
    "takes something away": r"\bDROP\s+(TABLE|COLUMN|VIEW|SCHEMA|TYPE|FUNCTION|MATERIALIZED|IF\s+EXISTS\s+\w)|\bTRUNCATE\b",
    "takes a column away": r"\bALTER\s+TABLE\b[^;]*\bDROP\s+(?!CONSTRAINT|DEFAULT|NOT\s+NULL|EXPRESSION|IDENTITY)",
    "renames": r"\bRENAME\b",
    "changes a type": r"\bALTER\s+(COLUMN\s+)?\w+\s+(SET\s+DATA\s+)?TYPE\b",
    "refuses rows of the release before": r"\bSET\s+NOT\s+NULL\b",
}


def statements(text: str) -> list[str]:
    """Return the statements of a file without comments and quoted text."""
    bare = re.sub(r"--[^\n]*", "", text)
    return [part.strip() for part in re.sub(r"'[^']*'", "''", bare).split(";") if part.strip()]


def header(text: str) -> str:
    """Return the comments that a file begins with."""
    return "".join(re.match(r"(?:--[^\n]*\n|\n)*", text)[0])  # type: ignore[index]  # it matches the empty text


def complaints(text: str) -> list[str]:
    """Return what in a migration would hurt a release that still runs."""
    found = [
        f"{why}: {statement}"
        for statement in statements(text)
        for why, pattern in DESTRUCTIVE.items()
        if re.search(pattern, statement, re.IGNORECASE)
    ]
    found += _dropped_indexes(text)
    if CONTRACT.search(header(text)):
        found = []
    return [*found, *_required_columns(text), *_blocking_indexes(text)]


def _dropped_indexes(text: str) -> list[str]:
    """Name indexes that go away, and not only to be made again."""
    made = re.findall(r"\bCREATE\s+(?:UNIQUE\s+)?INDEX\s+(?:CONCURRENTLY\s+)?(\w+)", text, re.IGNORECASE)
    drops = r"\bDROP\s+INDEX\s+(?:CONCURRENTLY\s+)?(?:IF\s+EXISTS\s+)?(?:\w+\.)?(\w+)"
    gone = [name for part in statements(text) for name in re.findall(drops, part, re.IGNORECASE)]
    return [f"the release before may read by this index: {name}" for name in gone if name not in made]


def _required_columns(text: str) -> list[str]:
    """Name new columns that rows of the release before would lack."""
    added = [
        column
        for statement in statements(text)
        if re.match(r"ALTER\s+TABLE\b", statement, re.IGNORECASE)
        for column in re.split(r"\bADD\s+(?:COLUMN\s+)?", statement, flags=re.IGNORECASE)[1:]
    ]
    return [
        f"a column that must be given: {column}"
        for column in added
        if re.search(r"\bNOT\s+NULL\b", column, re.IGNORECASE)
        and not re.search(r"\b(DEFAULT|GENERATED)\b", column, re.IGNORECASE)
    ]


def _blocking_indexes(text: str) -> list[str]:
    """Name indexes that are made while writers wait, on tables that may be big."""
    own = re.findall(r"\bCREATE\s+TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?([\w.]+)", text, re.IGNORECASE)
    found = []
    for statement in statements(text):
        index = re.match(
            r"CREATE\s+(?:UNIQUE\s+)?INDEX\s+(CONCURRENTLY\b)?.*?\bON\s+([\w.]+)", statement, re.IGNORECASE
        )
        if index and index[2] not in own and not (index[1] and NO_TRANSACTION.search(header(text))):
            found.append(f"writers wait for this index: {statement}")
    return found


def test_the_files_of_all_services_are_looked_at() -> None:
    assert {path.parents[1].name for path in FILES} == {package for _, package in SCHEMAS}


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parents[1].name}/{path.name}")
def test_a_migration_leaves_the_release_before_it_alone(path: Path) -> None:
    if f"{path.parents[1].name}/{path.name}" in BEFORE_THE_RULE:
        assert complaints(path.read_text()), "it needs no exception"
        return
    assert complaints(path.read_text()) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parents[1].name}/{path.name}")
def test_a_contracting_half_names_an_earlier_migration_that_expanded(path: Path) -> None:
    for number in CONTRACT.findall(header(path.read_text())):
        earlier = [other.name[:4] for other in path.parent.glob("*.sql") if other.name < path.name]
        assert number in earlier


@pytest.mark.parametrize("package", [package for _, package in SCHEMAS])
def test_numbers_are_given_once(package: str) -> None:
    numbers = [path.name[:4] for path in FILES if path.parents[1].name == package]
    assert len(numbers) == len(set(numbers))


DESTROYS = [
    "DROP TABLE jobs.jobs;",
    "drop table if exists jobs.jobs;",
    "ALTER TABLE jobs.jobs DROP COLUMN seq;",
    "ALTER TABLE jobs.jobs\n    DROP seq;",
    "DROP VIEW api.jobs;",
    "DROP INDEX CONCURRENTLY IF EXISTS jobs.jobs_newest;",
    "TRUNCATE jobs.events;",
    "ALTER TABLE jobs.jobs RENAME TO works;",
    "ALTER TABLE jobs.jobs RENAME COLUMN seq TO number;",
    "ALTER TABLE jobs.jobs ALTER COLUMN seq TYPE bigint;",
    "ALTER TABLE jobs.jobs ALTER seq SET DATA TYPE bigint;",
    "ALTER TABLE jobs.jobs ALTER COLUMN error SET NOT NULL;",
]


@pytest.mark.parametrize("statement", DESTROYS)
def test_what_takes_away_is_refused_unless_it_is_declared_to_be_the_contracting_half(statement: str) -> None:
    assert complaints(f"-- Why.\n\n{statement}")
    assert complaints(f"-- Why.\n-- contract: since 0001\n\n{statement}") == []
    assert complaints(f"-- Why.\n\n{statement}\n-- contract: since 0001\n"), "only the header declares"


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE jobs.jobs ADD COLUMN tone text NOT NULL;",
        "ALTER TABLE jobs.jobs ADD tone text NOT NULL, ADD COLUMN pace text NOT NULL DEFAULT 'slow';",
        "CREATE INDEX jobs_tone ON jobs.jobs (tone);",
        "CREATE UNIQUE INDEX ON jobs.jobs (tone);",
        "CREATE INDEX CONCURRENTLY jobs_tone ON jobs.jobs (tone);",
        "CREATE TABLE jobs.others (id int); CREATE INDEX jobs_tone ON jobs.jobs (tone);",
    ],
)
def test_what_blocks_or_breaks_writers_is_refused_always(statement: str) -> None:
    assert complaints(f"-- Why.\n\n{statement}")
    assert complaints(f"-- Why.\n-- contract: since 0001\n\n{statement}")


@pytest.mark.parametrize(
    "text",
    [
        "ALTER TABLE jobs.jobs ADD COLUMN tone text;",
        "ALTER TABLE jobs.jobs ADD COLUMN tone text NOT NULL DEFAULT 'calm';",
        "ALTER TABLE jobs.jobs ALTER COLUMN error DROP NOT NULL;",
        "CREATE TABLE jobs.tones (id int NOT NULL, type text); CREATE INDEX tones_id ON jobs.tones (id);",
        "-- transaction: none\nCREATE INDEX CONCURRENTLY jobs_tone ON jobs.jobs (tone);",
        "CREATE OR REPLACE VIEW api.tones AS SELECT id FROM jobs.tones;",
        "-- DROP TABLE jobs.jobs;\nSELECT 'RENAME; DROP TABLE x';",
    ],
)
def test_what_only_adds_is_taken(text: str) -> None:
    assert complaints(text) == []
