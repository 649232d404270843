"""Rows of articles over PostgREST: written once however often, and every refusal has its code."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from chassis.egress import networks
from stage_workers.adapters.postgrest import PostgrestTable
from stage_workers.article_row import ArticleRow
from stage_workers.errors import Permanent, Transient

LOOPBACK = networks(["127.0.0.0/8"], "networks")
JOB = str(uuid.UUID(int=7))


def row(**changes: Any) -> ArticleRow:
    base = ArticleRow(
        job_id=JOB,
        article_id="a-17",
        tenant="default",
        headline="Chains",
        slug="chains",
        meta_title="Chains",
        meta_description="All about chains.",
        language="en",
        country="US",
        html_content="<article>é</article>",
        markdown_content="# Chains",
        word_count=900,
        aeo_score=87.5,
        quality_passed=True,
        image_url=None,
        article_url="http://gateway.test/jobs/1/files/article.html",
        published_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        generator="scripted",
        result={"headline": "Chains", "citations": [{"number": 1}]},
    )
    return msgspec.structs.replace(base, **changes)


@pytest.fixture
async def table(postgrest: Any, rest: Any) -> AsyncIterator[PostgrestTable]:
    async with PostgrestTable(postgrest.url, rest.KEY, "articles", LOOPBACK) as opened:
        yield opened


async def failure(table: PostgrestTable, kind: type[Any], **changes: Any) -> Any:
    with pytest.raises(kind) as caught:
        await table.put(row(**changes))
    return caught.value


async def test_a_row_has_what_the_article_has(table: PostgrestTable, postgrest: Any) -> None:
    await table.put(row())
    (found,) = await postgrest.rows()
    expected = msgspec.structs.asdict(row()) | {"job_id": uuid.UUID(JOB)}
    assert found | {"result": json.loads(found["result"])} == expected


async def test_a_second_attempt_writes_the_same_row_again(table: PostgrestTable, postgrest: Any) -> None:
    await table.put(row())
    await table.put(row(headline="Better chains"))
    await table.put(row(job_id=str(uuid.UUID(int=8))))
    assert [each["headline"] for each in await postgrest.rows()] == ["Better chains", "Chains"]


async def test_the_job_id_need_not_be_the_table_s_own_key(table: PostgrestTable, postgrest: Any) -> None:
    await postgrest.database.execute(
        "ALTER TABLE articles DROP CONSTRAINT articles_pkey, ADD COLUMN id serial PRIMARY KEY, ADD UNIQUE (job_id)"
    )
    await table.put(row())
    await table.put(row(headline="Better chains"))
    assert [each["headline"] for each in await postgrest.rows()] == ["Better chains"]


async def test_a_row_that_was_written_before_the_answer_was_late_is_there_once(
    postgrest: Any, rest: Any
) -> None:
    postgrest.late = asyncio.Event()
    async with PostgrestTable(postgrest.url, rest.KEY, "articles", LOOPBACK, seconds=1) as hurried:
        error = await failure(hurried, Transient)
    assert (error.code, " 1 s" in error.reason) == ("article_table_unavailable", True)
    assert [each["headline"] for each in await postgrest.rows()] == ["Chains"]
    postgrest.late.set()
    async with PostgrestTable(postgrest.url, rest.KEY, "articles", LOOPBACK) as patient:
        await patient.put(row(headline="Second"))
    assert [each["headline"] for each in await postgrest.rows()] == ["Second"]


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
async def test_what_passes_is_tried_again(
    table: PostgrestTable, postgrest: Any, rest: Any, status: int
) -> None:
    postgrest.habits.append(rest.answering(status, retry_after="7"))
    error = await failure(table, Transient)
    assert (error.code, error.after_seconds) == ("article_table_unavailable", 7.0)
    assert str(status) in error.reason
    await table.put(row())
    assert len(await postgrest.rows()) == 1


async def test_a_wrong_key_is_refused_and_never_shown(postgrest: Any) -> None:
    async with PostgrestTable(postgrest.url, "wrong-key-7f3a", "articles", LOOPBACK) as table:
        error = await failure(table, Permanent)
    assert error.code == "article_table_key"
    assert "Invalid API key" in error.reason
    assert "7f3a" not in error.reason


async def test_a_key_that_the_answer_repeats_is_not_shown(postgrest: Any, rest: Any) -> None:
    async def habit(send: Any) -> None:
        await send({"type": "http.response.start", "status": 403, "headers": []})
        await send({"type": "http.response.body", "body": f"no entry for {rest.KEY}".encode()})

    postgrest.habits.append(habit)
    async with PostgrestTable(postgrest.url, rest.KEY, "articles", LOOPBACK) as table:
        error = await failure(table, Permanent)
    assert error.code == "article_table_key"
    assert rest.KEY not in error.reason
    assert "no entry for ***" in error.reason


async def test_a_table_that_is_not_there_is_named_in_the_refusal(postgrest: Any, rest: Any) -> None:
    async with PostgrestTable(postgrest.url, rest.KEY, "essays", LOOPBACK) as table:
        error = await failure(table, Permanent)
    assert error.code == "article_table_refused"
    assert "PGRST205" in error.reason
    assert "essays" in error.reason


async def test_a_column_that_is_not_there_is_named_in_the_refusal(
    table: PostgrestTable, postgrest: Any
) -> None:
    await postgrest.database.execute("ALTER TABLE articles DROP COLUMN slug")
    error = await failure(table, Permanent)
    assert (error.code, "PGRST204" in error.reason, "'slug'" in error.reason) == (
        "article_table_refused",
        True,
        True,
    )


async def test_a_table_whose_job_id_is_not_unique_is_refused(table: PostgrestTable, postgrest: Any) -> None:
    await postgrest.database.execute("ALTER TABLE articles DROP CONSTRAINT articles_pkey")
    error = await failure(table, Permanent)
    assert (error.code, "42P10" in error.reason) == ("article_table_refused", True)


async def test_a_conflict_with_a_rule_of_the_table_s_own_is_refused_without_the_row_s_values(
    table: PostgrestTable, postgrest: Any
) -> None:
    await postgrest.database.execute("ALTER TABLE articles ADD CONSTRAINT one_slug UNIQUE (slug)")
    await table.put(row(slug="chains-and-more"))
    error = await failure(table, Permanent, job_id=str(uuid.UUID(int=8)), slug="chains-and-more")
    assert error.code == "article_table_refused"
    assert "409" in error.reason
    assert "one_slug" in error.reason
    assert "chains-and-more" not in error.reason


async def test_a_redirect_is_not_followed(table: PostgrestTable, postgrest: Any, rest: Any) -> None:
    postgrest.habits.append(rest.answering(302, location=f"{postgrest.url}/elsewhere"))
    error = await failure(table, Permanent)
    assert error.code == "article_table_refused"
    assert len(postgrest.requests) == 1


async def test_nobody_there_is_tried_again(rest: Any) -> None:
    async with PostgrestTable("http://127.0.0.1:1", rest.KEY, "articles", LOOPBACK) as table:
        error = await failure(table, Transient)
    assert error.code == "article_table_unavailable"


@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}", "https://127.0.0.1:{port}"])
async def test_a_private_address_is_blocked_unless_its_network_is_allowed(
    postgrest: Any, rest: Any, url: str
) -> None:
    port = postgrest.url.rpartition(":")[2]
    async with PostgrestTable(url.format(port=port), rest.KEY, "articles", ()) as table:
        error = await failure(table, Permanent)
    assert error.code == "article_table_blocked_address"
    assert postgrest.requests == []


async def test_the_key_is_not_sent_in_the_clear_to_a_public_address(rest: Any) -> None:
    async with PostgrestTable("http://1.1.1.1", rest.KEY, "articles", LOOPBACK) as table:
        error = await failure(table, Permanent)
    assert error.code == "article_table_blocked_address"


async def test_an_answer_without_end_is_not_read_to_its_end(table: PostgrestTable, postgrest: Any) -> None:
    async def habit(send: Any) -> None:
        await send({"type": "http.response.start", "status": 400, "headers": []})
        for _ in range(1000):
            await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    postgrest.habits.append(habit)
    error = await failure(table, Permanent)
    assert len(error.reason) <= 500
