"""The door: who comes in, with what, and for how long."""

from __future__ import annotations

import asyncio
import logging
import re
from base64 import b64encode
from typing import Any

import httpx
import pytest

from chassis.errors import SettingsError
from gateway.key_store import KeyStore
from gateway.keys import Scope, new_key

SECRET = b64encode(b"s" * 32).decode()
JOB = "550e8400-e29b-41d4-a716-446655440000"
GOOD = {"primary_keyword": "energy", "company_url": "https://example.com"}
BOTH = (Scope.JOBS_READ, Scope.JOBS_WRITE)


@pytest.fixture(autouse=True)
def short_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys are forgotten at once, but where a test is about how long they are remembered."""
    monkeypatch.setattr("gateway.key_store.MEMORY_SECONDS", 0.0)


async def key(door: Any, *scopes: Scope, tenant: str = "a", seconds: float | None = None) -> dict[str, str]:
    """Make a key and return the header that shows it."""
    made = new_key()
    await KeyStore(door.pool).create(made, tenant, "", scopes or BOTH, seconds)
    return {"authorization": f"Bearer {made.text()}"}


def key_id(header: dict[str, str]) -> str:
    return header["authorization"].split("_")[1]


def assert_problem(answer: httpx.Response, status: int, code: str) -> None:
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert answer.headers.get("www-authenticate", "").startswith("Bearer") == (
        status == 401 or "scope=" in str(answer.headers)
    )


async def test_this_machine_needs_no_key_until_there_is_one_and_then_ever_after(door: Any) -> None:
    keys = KeyStore(door.pool)
    async with door.gateway():
        assert (await door.http.get("/jobs")).status_code == 200
        header = await key(door)
        assert_problem(await door.http.get("/jobs"), 401, "key_required")
        assert (await door.http.get("/jobs", headers=header)).status_code == 200
        await keys.revoke(key_id(header))
        assert_problem(await door.http.get("/jobs"), 401, "key_required")
        assert_problem(await door.http.get("/jobs", headers=header), 401, "key_revoked")
        await keys.delete(key_id(header))
        assert (await door.http.get("/jobs")).status_code == 200


async def test_another_address_is_not_served_without_a_key_that_opens(door: Any) -> None:
    keys = KeyStore(door.pool)
    await keys.revoke(key_id(await key(door)))
    await key(door, seconds=-1)
    with pytest.raises(SettingsError, match=r"BLOG_WRITER_HOST: '0.0.0.0'.*keys create"):
        async with door.gateway(host="0.0.0.0"):
            pass


async def test_at_another_address_the_last_key_that_goes_opens_nothing(
    door: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.service.is_loopback", lambda _host: False)
    header = await key(door)
    keys = KeyStore(door.pool)
    async with door.gateway():
        assert_problem(await door.http.get("/jobs"), 401, "key_required")
        assert (await door.http.get("/jobs", headers=header)).status_code == 200
        await keys.revoke(key_id(header))
        await keys.delete(key_id(header))
        assert_problem(await door.http.get("/jobs"), 401, "key_required")


@pytest.mark.parametrize("path", ["/health", "/ready", "/", "/schema/openapi.json"])
async def test_what_tells_nothing_of_anybody_s_jobs_is_open_to_all(door: Any, path: str) -> None:
    await key(door)
    async with door.gateway():
        assert (await door.http.get(path)).status_code == 200


@pytest.mark.parametrize(
    ("scopes", "opened"),
    [
        ((Scope.JOBS_READ,), {"GET /jobs", "POST token"}),
        ((Scope.JOBS_WRITE,), {"POST /write-async", "POST cancel"}),
        ((Scope.ADMIN,), {"GET /jobs", "POST token", "POST /write-async", "POST cancel", "GET /metrics"}),
    ],
)
async def test_a_key_does_what_its_scopes_say(door: Any, scopes: tuple[Scope, ...], opened: set[str]) -> None:
    header = await key(door, *scopes)
    async with door.gateway(secret_key=SECRET):
        asked = {
            "GET /jobs": await door.http.get("/jobs", headers=header),
            "POST token": await door.http.post(f"/jobs/{JOB}/token", headers=header),
            "POST /write-async": await door.http.post("/write-async", json=GOOD, headers=header),
            "POST cancel": await door.http.post(f"/jobs/{JOB}/cancel", headers=header),
            "GET /metrics": await door.http.get("/metrics", headers=header),
        }
    assert {name for name, answer in asked.items() if answer.status_code != 403} == opened
    for name, answer in asked.items():
        if name not in opened:
            assert_problem(answer, 403, "scope_missing")
            assert re.search(
                r'error="insufficient_scope", scope="[a-z:]+"', answer.headers["www-authenticate"]
            )


HEADERS = [
    b"", b"Bearer", b"Basic YTpi", b"bw_0123456789ab_", b"Bearer bw_0123456789ab_" + b"0" * 72,
    b"Bearer " + b"x" * 5000, b"Bearer \xff\xfe", b"Bearer bwt_x.y", b"Bearer bwt_", b"Bearer null", b"Bearer %00",
    b"Bearer ' OR 1=1 --", b"Bearer a b c", b"Token abc", "Bearer ключ".encode(),
]  # fmt: skip


@pytest.mark.parametrize("with_keys", [True, False])
async def test_credentials_that_are_none_are_refused_also_where_none_are_needed(
    door: Any, with_keys: bool
) -> None:
    if with_keys:
        await key(door)
    async with door.gateway(secret_key=SECRET):
        for value in HEADERS:
            answer = await door.http.get("/jobs", headers=[(b"authorization", value)])
            assert answer.status_code == 401, value
            assert answer.headers["www-authenticate"].startswith("Bearer")
            assert answer.json()["code"] in {"key_invalid", "token_invalid"}
            assert (
                value.decode(errors="replace").removeprefix("Bearer ")[:20] not in answer.text
                or len(value) < 12
            )


async def test_a_key_made_up_for_a_known_identifier_learns_nothing(door: Any) -> None:
    header = await key(door)
    await KeyStore(door.pool).revoke(key_id(header))
    forged = type(new_key())(key_id(header), "0" * 64)
    async with door.gateway():
        answer = await door.http.get("/jobs", headers={"authorization": f"Bearer {forged.text()}"})
        assert_problem(answer, 401, "key_invalid")


async def test_a_key_in_the_address_is_refused(door: Any) -> None:
    header = await key(door)
    async with door.gateway():
        answer = await door.http.get(
            "/jobs", params={"token": header["authorization"].removeprefix("Bearer ")}
        )
        assert_problem(answer, 401, "key_invalid")
        assert key_id(header) not in answer.text


async def test_an_expired_key_opens_no_more(door: Any) -> None:
    header = await key(door, seconds=3600)
    async with door.gateway():
        assert (await door.http.get("/jobs", headers=header)).status_code == 200
        await door.pool.execute("UPDATE gateway.api_keys SET expires_at = now()")
        assert_problem(await door.http.get("/jobs", headers=header), 401, "key_expired")


async def test_two_keys_of_a_tenant_open_at_once_so_that_one_can_follow_the_other(door: Any) -> None:
    old, new = await key(door), await key(door)
    async with door.gateway():
        submitted = await door.http.post("/write-async", json=GOOD, headers=old)
        status = submitted.json()["polling_url"]
        await KeyStore(door.pool).revoke(key_id(old))
        assert (await door.http.get(status, headers=new)).status_code == 200
        assert_problem(await door.http.get(status, headers=old), 401, "key_revoked")


async def test_a_known_key_costs_no_look_up(door: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.key_store.MEMORY_SECONDS", 300.0)
    looked = 0
    named = KeyStore.named

    async def counted(store: KeyStore, key_ids: Any) -> Any:
        nonlocal looked
        looked += 1
        return await named(store, key_ids)

    monkeypatch.setattr(KeyStore, "named", counted)
    header = await key(door)
    async with door.gateway():
        answers = [await door.http.get("/jobs", headers=header) for _ in range(5)]
    assert {answer.status_code for answer in answers} == {200}
    assert looked == 1


async def test_a_revoked_key_opens_for_seconds_at_most(door: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.key_store.MEMORY_SECONDS", 1.0)
    header = await key(door)
    async with door.gateway():
        assert (await door.http.get("/jobs", headers=header)).status_code == 200
        await KeyStore(door.pool).revoke(key_id(header))
        async with asyncio.timeout(30):
            while (await door.http.get("/jobs", headers=header)).status_code == 200:
                await asyncio.sleep(0.05)


async def test_the_hour_of_the_last_use_is_kept(door: Any) -> None:
    used, unused = await key(door), await key(door)
    keys = KeyStore(door.pool)
    async with door.gateway():
        await door.http.get("/jobs", headers=used)
        await keys.note_used([key_id(used)])
    records = {record.key_id: record for record in await keys.all()}
    last = records[key_id(used)].last_used_at
    assert last is not None
    assert (last.minute, last.second, last.microsecond) == (0, 0, 0)
    assert records[key_id(unused)].last_used_at is None


async def test_only_the_hash_of_a_key_is_stored(door: Any) -> None:
    header = await key(door)
    row = await door.pool.fetchval("SELECT k::text FROM gateway.api_keys AS k")
    secret = header["authorization"].rpartition("_")[2]
    assert secret[:64] not in row
    assert key_id(header) in row


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"host": "127.0.0.1.evil.example:8000"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"host": "localhost:8000", "origin": "http://localhost.evil.example"},
    ],
)
async def test_without_keys_a_stranger_s_page_in_a_browser_here_gives_no_orders(
    door: Any, headers: dict[str, str]
) -> None:
    async with door.gateway():
        answer = await door.http.post("/write-async", json=GOOD, headers=headers)
        assert_problem(answer, 403, "foreign_origin")
        assert await door.pool.fetchval("SELECT count(*) FROM gateway.submissions") == 0


@pytest.mark.parametrize(
    "headers", [{"host": "localhost"}, {"host": "[::1]:80", "origin": "http://127.0.0.1:3000"}]
)
async def test_without_keys_pages_of_this_machine_are_served(door: Any, headers: dict[str, str]) -> None:
    async with door.gateway():
        assert (await door.http.get("/jobs", headers=headers)).status_code == 200


async def test_pages_of_other_origins_are_told_nothing_unless_they_are_listed(door: Any) -> None:
    header = await key(door)
    asking = {"origin": "https://app.example", "access-control-request-method": "GET"}
    async with door.gateway():
        for answer in (
            await door.http.options("/jobs", headers=asking),
            await door.http.get("/jobs", headers={**asking, **header}),
        ):
            assert not [name for name in answer.headers if name.startswith("access-control-")]
    async with door.gateway(cors_origins=("https://app.example",)):
        preflight = await door.http.options(
            "/jobs", headers={**asking, "access-control-request-headers": "authorization"}
        )
        assert preflight.status_code == 204
        answer = await door.http.get("/jobs", headers={**asking, **header})
        assert answer.headers["access-control-allow-origin"] == "https://app.example"
        assert "access-control-allow-credentials" not in answer.headers
        other = await door.http.get("/jobs", headers={"origin": "https://other.example", **header})
        assert "access-control-allow-origin" not in other.headers


async def test_every_answer_has_the_headers_that_keep_browsers_careful(door: Any) -> None:
    async with door.gateway():
        for path in ("/jobs", "/health", "/nowhere", f"/jobs/{JOB}/status", "/jobs/nonsense/status"):
            answer = await door.http.get(path)
            assert answer.headers["x-content-type-options"] == "nosniff", path
            assert answer.headers["referrer-policy"] == "no-referrer", path
            assert answer.headers["x-frame-options"] == "DENY", path
            assert answer.headers["cache-control"] == "no-store", path


async def test_a_tenant_that_asks_too_often_is_told_when_to_come_again(door: Any) -> None:
    busy, calm = await key(door), await key(door, tenant="b")
    other = await key(door)
    async with door.gateway(rate_limit=1):
        first = await door.http.get("/jobs", headers=busy)
        assert first.status_code == 200
        assert first.headers["ratelimit-policy"] == '"tenant";q=1;w=60'
        assert first.headers["ratelimit"] == '"tenant";r=0;t=60'
        second = await door.http.get("/jobs", headers=busy)
        assert_problem(second, 429, "rate_limited")
        assert 1 <= int(second.headers["retry-after"]) <= 60
        assert_problem(await door.http.get("/jobs", headers=other), 429, "rate_limited")
        assert (await door.http.get("/jobs", headers=calm)).status_code == 200


async def token_of(door: Any, job_id: str, header: dict[str, str], **params: int) -> str:
    answer = await door.http.post(f"/jobs/{job_id}/token", params=params, headers=header)
    assert answer.status_code == 201, answer.text
    assert answer.json()["events_url"] == f"/jobs/{job_id}/events?token={answer.json()['token']}"
    return str(answer.json()["token"])


async def submitted(door: Any, header: dict[str, str]) -> str:
    answer = await door.http.post("/write-async", json=GOOD, headers=header)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["job_id"])


async def test_a_token_reads_its_job_and_nothing_else(door: Any) -> None:
    header = await key(door)
    async with door.gateway(secret_key=SECRET):
        job_id, other = await submitted(door, header), await submitted(door, header)
        params = {"token": await token_of(door, job_id, header)}
        status = await door.http.get(f"/jobs/{job_id}/status", params=params)
        assert status.json()["job_id"] == job_id
        assert (await door.http.get(f"/jobs/{job_id.upper()}/status", params=params)).status_code == 200
        assert (await door.http.get(f"/jobs/{job_id}/events", params=params)).status_code == 200
        assert_problem(await door.http.get(f"/jobs/{job_id}/article", params=params), 409, "not_completed")
        assert_problem(await door.http.get(f"/jobs/{job_id}/files/x", params=params), 404, "file_not_found")
        bearer = {"authorization": f"Bearer {params['token']}"}
        assert (await door.http.get(f"/jobs/{job_id}/status", headers=bearer)).status_code == 200
        for refused in (
            await door.http.get(f"/jobs/{other}/status", params=params),
            await door.http.get("/jobs", params=params),
            await door.http.get("/jobs/stats", params=params),
            await door.http.post(f"/jobs/{job_id}/cancel", params=params),
            await door.http.post(f"/jobs/{job_id}/token", params=params),
            await door.http.post("/write-async", json=GOOD, params=params),
            await door.http.get("/metrics", params=params),
        ):
            assert_problem(refused, 403, "token_scope")


async def test_a_token_opens_a_stream_without_any_header(door: Any) -> None:
    header = await key(door)
    async with door.gateway(secret_key=SECRET), door.orchestrator():
        job_id = await submitted(door, header)
        made = (await door.http.post(f"/jobs/{job_id}/token", headers=header)).json()
        stream = door.http.stream("GET", made["events_url"], headers={"accept": "text/event-stream"})
        async with asyncio.timeout(30), stream as response:
            assert response.headers["content-type"].startswith("text/event-stream")
            async for line in response.aiter_lines():
                if line == "event: started":
                    return
    pytest.fail("the stream ended without the event")


async def test_a_token_ends_with_its_time_with_its_key_and_with_another_secret(door: Any) -> None:
    header = await key(door)
    async with door.gateway(secret_key=SECRET):
        job_id = await submitted(door, header)
        short, long = await token_of(door, job_id, header, seconds=1), await token_of(door, job_id, header)
        path = f"/jobs/{job_id}/status"
        async with asyncio.timeout(30):
            while (answer := await door.http.get(path, params={"token": short})).status_code == 200:
                await asyncio.sleep(0.05)
        assert_problem(answer, 401, "token_expired")
        assert (await door.http.get(path, params={"token": long})).status_code == 200
    async with door.gateway(secret_key=b64encode(b"t" * 32).decode()):
        assert_problem(await door.http.get(path, params={"token": long}), 401, "token_invalid")
    async with door.gateway(secret_key=SECRET):
        assert (await door.http.get(path, params={"token": long})).status_code == 200
        await KeyStore(door.pool).revoke(key_id(header))
        assert_problem(await door.http.get(path, params={"token": long}), 401, "token_invalid")


async def test_a_token_made_without_keys_ends_when_there_are_keys(door: Any) -> None:
    async with door.gateway(secret_key=SECRET):
        job_id = await door.submit()
        params = {"token": await token_of(door, job_id, {})}
        assert (await door.http.get(f"/jobs/{job_id}/status", params=params)).status_code == 200
        await key(door)
        answer = await door.http.get(f"/jobs/{job_id}/status", params=params)
        assert_problem(answer, 401, "token_invalid")


async def test_without_a_secret_no_tokens_are_made(door: Any) -> None:
    async with door.gateway():
        answer = await door.http.post(f"/jobs/{await door.submit()}/token")
        assert_problem(answer, 403, "tokens_off")


@pytest.mark.parametrize("seconds", ["0", "3601", "-1", "x"])
async def test_a_token_lasts_an_hour_at_most(door: Any, seconds: str) -> None:
    async with door.gateway(secret_key=SECRET):
        answer = await door.http.post(f"/jobs/{await door.submit()}/token", params={"seconds": seconds})
        assert_problem(answer, 400, "invalid_parameter")


async def test_a_weak_secret_stops_the_start_and_is_not_shown(door: Any) -> None:
    with pytest.raises(SettingsError, match="BLOG_WRITER_SECRET_KEY") as refused:
        async with door.gateway(secret_key="hunter2"):
            pass
    assert "hunter2" not in str(refused.value)


async def test_neither_keys_nor_tokens_are_logged_whatever_goes_wrong(
    door: Any,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.DEBUG)
    header = await key(door)

    async def broken(*_: Any) -> None:
        raise RuntimeError("a bug")

    async with door.gateway(secret_key=SECRET):
        job_id = await submitted(door, header)
        token = await token_of(door, job_id, header)
        monkeypatch.setattr("gateway.store.Store.job", broken)
        answer = await door.http.get(f"/jobs/{job_id}/status", params={"token": token})
        assert_problem(answer, 500, "internal_error")
        assert (await door.http.get(f"/jobs/{job_id}/status", headers=header)).status_code == 500
        await door.http.get("/nowhere", params={"token": token}, headers=header)
    of_the_client = ("httpx", "httpcore")
    ours = "".join(capfd.readouterr()) + "".join(
        record.getMessage() for record in caplog.records if not record.name.startswith(of_the_client)
    )
    assert "internal_error" in ours
    for secret in (token, header["authorization"].removeprefix("Bearer ")):
        assert secret not in answer.text
        assert secret not in ours
