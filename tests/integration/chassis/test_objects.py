"""The object store: a folder, memory, and S3 over HTTP promise the same."""

from __future__ import annotations

import asyncio
import contextlib
import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import boto3
import httpx
import pytest
from moto.server import ThreadedMotoServer

from chassis.errors import InvalidKey, ObjectMissing, SettingsError, StoreRefused, StoreUnavailable
from chassis.objects import ObjectStore


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(params=["file", "memory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    if request.param == "file":
        return ObjectStore.open(f"file://{tmp_path}/a%20folder")
    if request.param == "memory":
        return ObjectStore.open("memory://")
    endpoint = request.getfixturevalue("s3_endpoint")
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT": endpoint,
        "AWS_ALLOW_HTTP": "true",
    }.items():
        monkeypatch.setenv(name, value)
    bucket = f"bucket-{tmp_path.name.replace('_', '-').lower()}"[:60].strip("-")
    client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
    client.create_bucket(Bucket=bucket)
    client.close()
    return ObjectStore.open(f"s3://{bucket}/below/here")


async def test_what_was_put_is_got_and_a_second_put_replaces_it(store: ObjectStore) -> None:
    await store.put("one/page.html", b"<p>old</p>", "text/html")
    await store.put("one/page.html", b"<p>new</p>", "text/html")
    assert await store.get("one/page.html") == b"<p>new</p>"


async def test_what_is_not_there_is_said_to_be_missing(store: ObjectStore) -> None:
    with pytest.raises(ObjectMissing, match="one/none"):
        await store.get("one/none")


async def test_a_prefix_is_deleted_whole_and_alone(store: ObjectStore) -> None:
    for key in ("one/a", "one/deep/b", "one-more/c", "two/d"):
        await store.put(key, b"x", "text/plain")
    assert await store.delete_prefix("one") == 2
    assert await store.delete_prefix("one") == 0
    assert [await store.get(key) for key in ("one-more/c", "two/d")] == [b"x", b"x"]


@pytest.mark.parametrize(
    "key", ["", "/etc/passwd", "a/../../b", "a//b", ".", "a\\b", "a\0b", "a\x0bb", "a\ud800"]
)
async def test_a_key_that_could_leave_the_store_is_refused(store: ObjectStore, key: str) -> None:
    with pytest.raises(InvalidKey):
        await store.put(key, b"x", "text/plain")
    with pytest.raises(InvalidKey):
        await store.get(key)
    with pytest.raises(InvalidKey):
        await store.delete_prefix(key)


@pytest.mark.parametrize("url", ["", "folder", "file://folder", "file:folder", "s3://", "ftp://host/folder"])
def test_an_address_of_no_store_is_refused_by_the_name_of_its_variable(url: str) -> None:
    with pytest.raises(SettingsError, match="BLOG_WRITER_ARTICLE_STORE"):
        ObjectStore.open(url, "BLOG_WRITER_ARTICLE_STORE")


@pytest.mark.parametrize("action", ["put", "get"])
async def test_a_folder_that_does_not_serve_is_said_to_be_unavailable(tmp_path: Path, action: str) -> None:
    store = ObjectStore.open(f"file://{tmp_path}", "BLOG_WRITER_ARTICLE_STORE")
    (tmp_path / "one").write_text("a file where the folder should be")
    with pytest.raises(StoreUnavailable, match="one/page"):
        await (store.put("one/page", b"x", "text/plain") if action == "put" else store.get("one/page"))


@pytest.mark.parametrize("action", ["put", "get"])
async def test_a_bucket_that_is_not_there_is_said_to_be_unavailable(
    s3_endpoint: str, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_ALLOW_HTTP": "true",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT", s3_endpoint)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    store = ObjectStore.open("s3://no-such-bucket/below", "BLOG_WRITER_ARTICLE_STORE")
    with pytest.raises((StoreUnavailable, ObjectMissing)):
        await (store.put("a", b"x", "text/plain") if action == "put" else store.get("a"))


@pytest.fixture
def keys(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, str]]:
    """A bucket that checks signatures, and the key that it lets in."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "root")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "root")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3_endpoint)
    user = f"writer-{uuid.uuid4().hex}"
    with (
        contextlib.closing(boto3.client("s3", endpoint_url=s3_endpoint, region_name="us-east-1")) as s3,
        contextlib.closing(boto3.client("iam", endpoint_url=s3_endpoint, region_name="us-east-1")) as iam,
    ):
        s3.create_bucket(Bucket="guarded")
        iam.create_user(UserName=user)
        allowed = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
        iam.put_user_policy(UserName=user, PolicyName="all", PolicyDocument=policy)
        key = iam.create_access_key(UserName=user)["AccessKey"]
    httpx.post(f"{s3_endpoint}/moto-api/reset-auth", content=b"0").raise_for_status()
    yield key["AccessKeyId"], key["SecretAccessKey"]
    httpx.post(f"{s3_endpoint}/moto-api/reset-auth", content=b"inf").raise_for_status()


async def test_requests_are_signed_as_the_bucket_wants_them(
    keys: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys[0])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys[1])
    store = ObjectStore.open("s3://guarded/below")
    await store.put("one/a name é.txt", b"x", "text/plain")
    assert await store.get("one/a name é.txt") == b"x"
    assert await store.delete_prefix("one") == 1


@pytest.mark.parametrize("action", ["put", "get"])
async def test_a_bucket_that_does_not_let_us_in_is_said_to_refuse(
    keys: tuple[str, str], monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys[0])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another-secret-7f3a")
    store = ObjectStore.open("s3://guarded/below")
    with pytest.raises(StoreRefused, match="403") as caught:
        await (store.put("a", b"x", "text/plain") if action == "put" else store.get("a"))
    assert "7f3a" not in str(caught.value)


async def test_a_bucket_that_nobody_serves_is_given_up_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1",
    }.items():
        monkeypatch.setenv(name, value)
    store = ObjectStore.open("s3://away/below")
    async with asyncio.timeout(30):
        with pytest.raises(StoreUnavailable):
            await store.put("a", b"x", "text/plain")


def test_a_folder_that_cannot_be_made_is_a_wrong_setting() -> None:
    with pytest.raises(SettingsError, match=r"BLOG_WRITER_ARTICLE_STORE: /proc/nothing"):
        ObjectStore.open("file:///proc/nothing/here", "BLOG_WRITER_ARTICLE_STORE")
