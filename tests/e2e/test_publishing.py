"""The whole system over a bucket and a table that are real servers: what they do to a job when they fail, and when
they are back."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import asyncpg
import boto3
import httpx
import pytest
from moto.server import ThreadedMotoServer

pytestmark = pytest.mark.timeout(300)  # the first test waits for three servers and a whole system

NAMED = {"article_id": "a-17"}


class Bucket:
    """A bucket that may begin to ask who is there."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.s3 = boto3.client(
            "s3",
            endpoint_url=endpoint,
            region_name="us-east-1",
            aws_access_key_id="a-key",
            aws_secret_access_key="a-secret",
        )
        self.s3.create_bucket(Bucket="articles")

    def read(self, key: str) -> bytes:
        return bytes(self.s3.get_object(Bucket="articles", Key=f"blog/{key}")["Body"].read())

    @contextlib.contextmanager
    def letting_nobody_in(self) -> Iterator[None]:
        self._ask_after(b"0")
        try:
            yield
        finally:
            self._ask_after(b"inf")

    def _ask_after(self, requests: bytes) -> None:
        httpx.post(f"{self.endpoint}/moto-api/reset-auth", content=requests).raise_for_status()


@pytest.fixture(scope="module")
def bucket() -> Iterator[Bucket]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    made = Bucket(f"http://{host}:{port}")
    yield made
    made.s3.close()
    server.stop()


@pytest.fixture(scope="module")
def table(rest: Any, postgres_server: Any) -> Iterator[Any]:
    """A PostgREST in a thread of its own, where its pool lives too; ``rows`` asks it from here."""
    name = f"rows_{uuid.uuid4().hex}"
    url = f"{postgres_server.url.rpartition('/')[0]}/{name}"
    opened: list[Any] = []
    started, stop = threading.Event(), threading.Event()

    async def serve() -> None:
        connection = await asyncpg.connect(postgres_server.url)
        await connection.execute(f"CREATE DATABASE {name}")
        await connection.close()
        async with rest.served(url) as fake:
            opened.extend((fake, asyncio.get_running_loop()))
            started.set()
            await asyncio.to_thread(stop.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert started.wait(30)
    fake, loop = opened
    fake.all_rows = lambda: asyncio.run_coroutine_threadsafe(fake.rows(), loop).result(30)
    yield fake
    stop.set()
    thread.join(30)


@pytest.fixture(scope="module")
def published(new_system: Callable[..., Any], bucket: Bucket, table: Any, rest: Any) -> Any:
    return new_system(
        BLOG_WRITER_ARTICLE_STORE="s3://articles/blog",
        AWS_ACCESS_KEY_ID="a-key",
        AWS_SECRET_ACCESS_KEY="a-secret",
        AWS_REGION="us-east-1",
        AWS_ENDPOINT_URL_S3=bucket.endpoint,
        SUPABASE_URL=table.url,
        SUPABASE_SERVICE_ROLE_KEY=rest.KEY,
    )


def rows_of(table: Any, job_id: str) -> list[dict[str, Any]]:
    return [row for row in table.all_rows() if str(row["job_id"]) == job_id]


def stages(system: Any, job_id: str, kind: str) -> list[str]:
    return [event["name"] for event in system.events(job_id) if event["type"] == kind]


def submit(system: Any, site: str, **request: Any) -> str:
    return str(system.submit(primary_keyword="energy efficiency", company_url=site, **request))


def test_an_article_lies_in_the_bucket_and_in_the_table_and_is_read_through_the_gateway(
    published: Any, site: str, bucket: Bucket, table: Any
) -> None:
    job_id = submit(published, site, client_info=NAMED)
    result = published.wait_for(job_id, "completed")["result"]
    for url in (result["article_url"], result["markdown_url"], result["image_url"]):
        answer = published.http.get(url).raise_for_status()
        assert answer.content == bucket.read(f"{job_id}/{url.rpartition('/')[2]}")
    missing = published.http.get(f"/jobs/{job_id}/files/none.png")
    assert (missing.status_code, missing.json()["code"]) == (404, "file_not_found")
    (row,) = rows_of(table, job_id)
    assert (row["article_id"], row["headline"]) == ("a-17", result["headline"])
    assert row["html_content"] == result["html_content"]


def test_a_table_that_is_away_is_tried_again_and_gets_one_row(
    published: Any, site: str, table: Any, rest: Any
) -> None:
    table.habits.append(rest.answering(503, retry_after="1"))
    job_id = submit(published, site, client_info=NAMED)
    published.wait_for(job_id, "completed")
    assert stages(published, job_id, "stage_retrying") == ["publish"]
    assert len(rows_of(table, job_id)) == 1


def test_a_table_that_refuses_the_key_fails_the_job_whose_work_is_kept_for_a_retry(
    published: Any, site: str, table: Any, rest: Any
) -> None:
    table.key = "another-key"
    job_id = submit(published, site, client_info=NAMED)
    status = published.wait_for(job_id, "failed", "completed")
    assert (status["status"], status["error_code"]) == ("failed", "article_table_key")
    assert stages(published, job_id, "stage_retrying") == []
    table.key = rest.KEY
    published.http.post(f"/jobs/{job_id}/retry").raise_for_status()
    published.wait_for(job_id, "completed")
    assert stages(published, job_id, "stage_completed").count("draft") == 1
    assert len(rows_of(table, job_id)) == 1


def test_a_bucket_that_refuses_the_credentials_fails_the_job_whose_work_is_kept_for_a_retry(
    published: Any, site: str, bucket: Bucket
) -> None:
    with bucket.letting_nobody_in():
        job_id = submit(published, site)
        status = published.wait_for(job_id, "failed", "completed")
        assert (status["status"], status["error_code"]) == ("failed", "store_refused")
        answer = published.http.get(f"/jobs/{job_id}/files/article.html")
        assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
    published.http.post(f"/jobs/{job_id}/retry").raise_for_status()
    result = published.wait_for(job_id, "completed")["result"]
    assert stages(published, job_id, "stage_completed").count("draft") == 1
    assert len(result["images"]) == 3
    assert published.http.get(result["article_url"]).status_code == 200
