"""The views of schema ``api`` have the columns that the contracts say."""

from __future__ import annotations

from datetime import datetime
from types import UnionType
from typing import Any, get_args, get_type_hints

import asyncpg
import pytest

from blog_writer.migrations import migrate_all
from contracts.views import (
    CallbackRow,
    DeliveryAttemptRow,
    DeliveryRow,
    EventRow,
    JobRow,
    ResultRow,
    StageRunRow,
    View,
)

READ_AS = {
    "uuid": str,
    "text": str,
    "integer": int,
    "double precision": float,
    "timestamp with time zone": datetime,
}
"""What a column's type is in Python, as the chassis's connections read it."""


async def columns(database_url: str, view: str) -> dict[str, Any]:
    schema, name = view.split(".")
    connection = await asyncpg.connect(database_url)
    try:
        rows = await connection.fetch(
            "SELECT column_name, data_type FROM information_schema.columns"
            " WHERE table_schema = $1 AND table_name = $2 ORDER BY ordinal_position",
            schema,
            name,
        )
    finally:
        await connection.close()
    return {row["column_name"]: READ_AS.get(row["data_type"], row["data_type"]) for row in rows}


def fields(row: type[View]) -> dict[str, Any]:
    hints = get_type_hints(row)
    return {name: _not_none(hints[name]) for name in row.__struct_fields__}


def _not_none(hint: Any) -> Any:
    return get_args(hint)[0] if isinstance(hint, UnionType) else hint


@pytest.mark.parametrize(
    "row", [JobRow, ResultRow, EventRow, StageRunRow, CallbackRow, DeliveryRow, DeliveryAttemptRow]
)
async def test_a_view_has_the_columns_of_its_class_in_their_order(row: type[View], database_url: str) -> None:
    await migrate_all(database_url)
    found = await columns(database_url, row.VIEW)
    assert list(found.items()) == list(fields(row).items())


async def test_every_view_has_a_class(database_url: str) -> None:
    await migrate_all(database_url)
    connection = await asyncpg.connect(database_url)
    try:
        rows = await connection.fetch(
            "SELECT table_name FROM information_schema.views WHERE table_schema = 'api'"
        )
    finally:
        await connection.close()
    assert {f"api.{row['table_name']}" for row in rows} == {row.VIEW for row in View.__subclasses__()}
