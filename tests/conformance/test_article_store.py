"""ArticleStore: a folder, S3 over HTTP, memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from chassis.errors import StoreRefused
from chassis.objects import ObjectStore
from stage_workers.adapters.articles import StoredArticles
from stage_workers.adapters.fakes import MemoryArticles
from stage_workers.errors import Permanent, Transient

PUBLIC_URL = "http://gateway.test"


class Stored:
    """A store, and a way to look into it."""

    def __init__(self, store: Any, objects: ObjectStore | None) -> None:
        self.store = store
        self._objects = objects

    async def bytes_of(self, key: str) -> bytes:
        return self.store.files[key][0] if self._objects is None else await self._objects.get(key)


@pytest.fixture(scope="module")
def s3_endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def bucket(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> str:
    settings = {
        "ACCESS_KEY_ID": "test",
        "SECRET_ACCESS_KEY": "test",
        "REGION": "us-east-1",
        "ALLOW_HTTP": "true",
    }
    for name, value in {**settings, "ENDPOINT": endpoint}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
    client.create_bucket(Bucket="articles")
    client.close()
    return "s3://articles/below"


@pytest.fixture(params=["file", "s3", "memory"])
def stored(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stored:
    if request.param == "memory":
        return Stored(MemoryArticles(), None)
    url = f"file://{tmp_path}/articles"
    if request.param == "s3":
        url = bucket(request.getfixturevalue("s3_endpoint"), monkeypatch)
    objects = ObjectStore.open(url)
    return Stored(StoredArticles(objects, PUBLIC_URL), objects)


async def test_what_is_put_lies_there_and_is_read_through_the_gateway(stored: Stored) -> None:
    url = await stored.store.put("job-1/article.html", b"<p>\xc3\xa9</p>", "text/html")
    assert url == f"{PUBLIC_URL}/jobs/job-1/files/article.html"
    assert await stored.bytes_of("job-1/article.html") == b"<p>\xc3\xa9</p>"


async def test_a_second_attempt_replaces_the_first(stored: Stored) -> None:
    first = await stored.store.put("job-1/hero.png", b"old", "image/png")
    assert await stored.store.put("job-1/hero.png", b"new", "image/png") == first
    assert await stored.bytes_of("job-1/hero.png") == b"new"


async def test_jobs_do_not_share_files(stored: Stored) -> None:
    urls = {await stored.store.put(f"job-{n}/article.md", str(n).encode(), "text/markdown") for n in (1, 2)}
    assert len(urls) == 2
    assert await stored.bytes_of("job-1/article.md") == b"1"


async def test_nothing_is_something_that_can_be_stored(stored: Stored) -> None:
    await stored.store.put("job-1/empty", b"", "text/plain")
    assert await stored.bytes_of("job-1/empty") == b""


async def test_a_folder_that_takes_nothing_may_take_it_later(tmp_path: Path) -> None:
    (tmp_path / "articles").mkdir()
    (tmp_path / "articles" / "job-1").write_text("a file where a folder should be")
    store = StoredArticles(ObjectStore.open(f"file://{tmp_path}/articles"), PUBLIC_URL)
    with pytest.raises(Transient) as caught:
        await store.put("job-1/article.html", b"x", "text/html")
    assert caught.value.code == "store_unavailable"


async def test_a_store_that_does_not_let_us_in_is_not_asked_again() -> None:
    class Guarded(ObjectStore):
        async def put(self, key: str, data: bytes, content_type: str) -> None:  # noqa: ARG002  the base class's
            raise StoreRefused(f"403 at {key}")

    with pytest.raises(Permanent) as caught:
        await StoredArticles(Guarded(None), PUBLIC_URL).put("job-1/article.html", b"x", "text/html")
    assert caught.value.code == "store_refused"


async def test_a_bucket_that_is_not_there_may_come_later(
    s3_endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket(s3_endpoint, monkeypatch)
    store = StoredArticles(ObjectStore.open("s3://no-such-bucket/x"), PUBLIC_URL)
    with pytest.raises(Transient) as caught:
        await store.put("job-1/article.html", b"x", "text/html")
    assert caught.value.code == "store_unavailable"
