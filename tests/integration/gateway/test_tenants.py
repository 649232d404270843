"""A tenant sees nothing of another, by any route there is."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute

import gateway.settings
from chassis.clock import FrozenClock
from gateway.access import OPTION, PUBLIC, Access, Door
from gateway.app import create_app
from gateway.feed import Feed
from gateway.key_store import KeyStore
from gateway.keys import Scope, new_key
from gateway.notifier import Notifier

SECRET = "cw" * 22
MARK = "zanzibar"
"""Stands in everything that belongs to the first tenant."""
HEADS = ({}, {"accept": "text/event-stream"}, {"accept": "text/markdown"}, {"last-event-id": "0"})


def routes() -> Iterator[tuple[str, str]]:
    """Yield method and path of every route that is not open to all."""
    nothing: Any = None
    clock = FrozenClock(datetime(2026, 1, 4, tzinfo=UTC))
    settings = gateway.settings.Settings(database_url="", nats_url="", article_store="")
    access = Access(nothing, nothing, nothing, clock, Door())
    app: Litestar = create_app(
        settings, nothing, nothing, Feed(), nothing, clock, lambda: "ok", access, Notifier()
    )
    for route in app.routes:
        assert isinstance(route, HTTPRoute)
        for handler in route.route_handlers:
            for method in handler.http_methods - {"OPTIONS"}:
                if handler.opt.get(OPTION) != PUBLIC[OPTION]:
                    yield method, route.path


@dataclass
class Tenant:
    """One who has a job of each kind, a batch, a file and an idempotency key."""

    http: httpx.AsyncClient
    mark: str
    completed: str = ""
    failed: str = ""
    batch: str = ""
    token: str = ""

    async def post(self, path: str, **options: Any) -> dict[str, Any]:
        answer = await self.http.post(path, **options)
        assert answer.status_code in {201, 202}, answer.text
        return dict(answer.json())

    def request(self, **more: Any) -> dict[str, Any]:
        return {
            "primary_keyword": f"{self.mark} energy",
            "company_url": f"https://{self.mark}.example",
            **more,
        }


async def tenant(door: Any, name: str, mark: str) -> Tenant:
    key = new_key()
    await KeyStore(door.pool).create(key, name, "", [Scope.JOBS_READ, Scope.JOBS_WRITE], None)
    headers = {"authorization": f"Bearer {key.text()}"}
    http = httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{door.port}", timeout=30, trust_env=False, headers=headers
    )
    return Tenant(http, mark)


async def equip(door: Any, one: Tenant) -> None:
    """Give a tenant all that a tenant can have."""
    one.batch = f"{one.mark}-batch"
    batch = await one.post(
        "/write-batch", json={"jobs": [one.request(), one.request()], "batch_id": one.batch}
    )
    one.completed, one.failed = (job["job_id"] for job in batch["jobs"])
    key = {"idempotency-key": "order-1"}
    await one.post("/write-async", json=one.request(), headers=key)
    for job_id in (one.completed, one.failed):
        await one_running(door, one, job_id)
    await door.pool.execute(
        "UPDATE jobs.jobs SET state = 'completed', finished_at = now(), quality_score = 90 WHERE job_id = $1::uuid",
        one.completed,
    )
    await door.pool.execute(
        "UPDATE jobs.jobs SET state = 'failed', finished_at = now(), error_code = $2, error = $2 WHERE job_id = $1::uuid",
        one.failed, one.mark,
    )  # fmt: skip
    result = {"headline": one.mark, "html_content": one.mark, "markdown_content": one.mark}
    await door.pool.execute(
        "INSERT INTO jobs.results (job_id, tenant, slug, headline, primary_keyword, result, created_at)"
        " SELECT job_id, tenant, $2, $2, $2, $3::json, now() FROM jobs.jobs WHERE job_id = $1::uuid",
        one.completed, one.mark, json.dumps(result),
    )  # fmt: skip
    folder = door.folder / one.completed
    folder.mkdir(parents=True)
    (folder / "image.svg").write_text(one.mark)
    one.token = (await one.post(f"/jobs/{one.completed}/token"))["token"]


async def one_running(door: Any, one: Tenant, job_id: str) -> None:
    door.http.headers["authorization"] = one.http.headers["authorization"]
    await door.until(job_id, "running", seconds=60)


@pytest.fixture
async def two(door: Any) -> AsyncIterator[tuple[Tenant, Tenant]]:
    async with door.gateway(secret_key=SECRET):
        first, second = await tenant(door, "first", MARK), await tenant(door, "second", "other")
        async with first.http, second.http:
            async with door.orchestrator(max_concurrent=10):
                await equip(door, first)
            yield first, second


def filled(path: str, owner: Tenant, job_id: str) -> str:
    """Return a route's path with a tenant's names in it."""
    values = {"job_id": job_id, "batch_id": owner.batch, "name": "image.svg"}
    for part in path.split("/"):
        if part.startswith("{"):
            path = path.replace(part, values.get(part.strip("{}").split(":")[0], job_id))
    return path


def body(path: str, sender: Tenant) -> dict[str, Any]:
    """Return what makes a route that takes a body do something."""
    if path == "/write-batch":
        return {"json": {"jobs": [sender.request()]}}
    return {"json": sender.request()} if path == "/write-async" else {}


ROUTES = sorted(set(routes()) - {("POST", "/write"), ("GET", "/metrics")})
"""``/write`` waits for an article; ``/metrics`` needs the scope admin, and knows no jobs."""
OF_SOMETHING = [(method, path) for method, path in ROUTES if "{" in path]


def test_the_routes_that_are_looked_at_are_those_there_are() -> None:
    assert {path for _, path in ROUTES} >= {
        "/write-async", "/write-batch", "/jobs", "/jobs/stats", "/jobs/errors", "/jobs/{job_id:str}/status",
        "/jobs/{job_id:str}/events", "/jobs/{job_id:str}/article", "/jobs/{job_id:str}/files/{name:str}",
        "/jobs/{job_id:str}/cancel", "/jobs/{job_id:str}/retry", "/jobs/{job_id:str}/token", "/batches/{batch_id:str}",
    }  # fmt: skip


async def test_what_is_another_tenant_s_does_not_exist_by_any_route(two: tuple[Tenant, Tenant]) -> None:
    owner, stranger = two
    for method, path in OF_SOMETHING:
        for job_id in (owner.completed, owner.failed):
            for head in HEADS if method == "GET" else ({},):
                address = filled(path, owner, job_id)
                answer = await stranger.http.request(method, address, headers=head)
                assert answer.status_code == 404, f"{method} {address}: {answer.text}"
                assert MARK not in answer.text.replace(address, "").replace(owner.batch, ""), address
    for job_id, state in ((owner.completed, "completed"), (owner.failed, "failed")):
        status = (await owner.http.get(f"/jobs/{job_id}/status")).json()
        assert (status["status"], status["run"]) == (state, 1), "a stranger changed it"


async def test_the_owner_gets_it_by_the_same_routes(two: tuple[Tenant, Tenant]) -> None:
    """Else the test above could pass because nothing is there."""
    owner, _ = two
    for method, path in OF_SOMETHING:
        if method == "GET":
            answer = await owner.http.get(filled(path, owner, owner.completed))
            assert answer.status_code == 200, f"{path}: {answer.text}"
    assert MARK in (await owner.http.get("/jobs")).text


async def test_nothing_of_another_tenant_is_in_any_list_count_or_sum(two: tuple[Tenant, Tenant]) -> None:
    owner, stranger = two
    for method, path in ROUTES:
        if "{" not in path and method == "GET":
            answer = await stranger.http.get(path, timeout=30)
            assert answer.status_code == 200, f"{path}: {answer.text}"
            for secret in (MARK, owner.completed, owner.failed):
                assert secret not in answer.text, path
    stats = (await stranger.http.get("/jobs/stats")).json()
    assert (
        sum(stats["status_counts"].values())
        == stats["running_jobs"]
        == stats["average_duration_seconds"]
        == 0
    )
    assert (await stranger.http.get("/jobs")).json()["total"] == 0
    assert (await stranger.http.get("/jobs", params={"batch_id": owner.batch})).json()["total"] == 0
    assert (await stranger.http.get("/jobs/errors")).json() == {"counts": {}, "jobs": [], "total": 0}


async def test_the_same_idempotency_key_is_another_one_for_another_tenant(two: tuple[Tenant, Tenant]) -> None:
    owner, stranger = two
    key = {"idempotency-key": "order-1"}
    again = await owner.http.post("/write-async", json=owner.request(), headers=key)
    other = await stranger.http.post("/write-async", json=stranger.request(), headers=key)
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in other.headers
    assert other.json()["job_id"] != again.json()["job_id"]


async def test_the_same_batch_name_is_another_batch_for_another_tenant(two: tuple[Tenant, Tenant]) -> None:
    owner, stranger = two
    mine = await stranger.post("/write-batch", json={"jobs": [stranger.request()], "batch_id": owner.batch})
    batch = (await stranger.http.get(f"/batches/{owner.batch}")).json()
    assert [job["job_id"] for job in batch["jobs"]] == [mine["jobs"][0]["job_id"]]
    assert batch["total"] == 1
    assert (await owner.http.get(f"/batches/{owner.batch}")).json()["total"] == 2


async def test_files_of_another_tenant_cannot_be_reached_by_a_path_through_an_own_job(
    two: tuple[Tenant, Tenant],
) -> None:
    owner, stranger = two
    mine = (await stranger.post("/write-async", json=stranger.request()))["job_id"]
    for name in (
        f"../{owner.completed}/image.svg", f"..%2f{owner.completed}%2fimage.svg", f"%2e%2e%2f{owner.completed}%2fimage.svg",
        f"..\\{owner.completed}\\image.svg", f"x/../../{owner.completed}/image.svg", "%00",
    ):  # fmt: skip
        answer = await stranger.http.get(f"/jobs/{mine}/files/{name}")
        assert answer.status_code in {400, 404}, name
        assert answer.text != MARK


async def test_a_token_of_another_tenant_s_job_reads_that_job_for_whoever_was_given_it(
    two: tuple[Tenant, Tenant], door: Any
) -> None:
    """It is made to be given away: it opens its own job, and no other of either tenant."""
    owner, stranger = two
    del door.http.headers["authorization"]
    params = {"token": owner.token}
    assert (await door.http.get(f"/jobs/{owner.completed}/status", params=params)).status_code == 200
    assert (await door.http.get(f"/jobs/{owner.failed}/status", params=params)).status_code == 403
    mine = (await stranger.post("/write-async", json=stranger.request()))["job_id"]
    assert (await door.http.get(f"/jobs/{mine}/status", params=params)).status_code == 403
