"""Every bad input gets a problem with the right status, a stable code, and the field's name."""

from __future__ import annotations

import json
from typing import Any

import pytest

GOOD = {"primary_keyword": "energy", "company_url": "https://example.com"}

BODIES = [
    ({"company_url": "https://example.com"}, 422, "missing_field", "primary_keyword"),
    ({"primary_keyword": "energy"}, 422, "missing_field", "company_url"),
    ({**GOOD, "primary_keyword": ""}, 422, "invalid_field", "primary_keyword"),
    ({**GOOD, "primary_keyword": "   "}, 422, "invalid_field", "primary_keyword"),
    ({**GOOD, "primary_keyword": "a\u0000b"}, 422, "invalid_field", "primary_keyword"),
    ({**GOOD, "client_info": {"a": ["b\u0000"]}}, 422, "invalid_field", "client_info"),
    ({**GOOD, "company_url": "ftp://example.com"}, 422, "invalid_field", "company_url"),
    ({**GOOD, "company_url": "example.com"}, 422, "invalid_field", "company_url"),
    ({**GOOD, "company_url": "http://"}, 422, "invalid_field", "company_url"),
    ({**GOOD, "company_url": 7}, 422, "invalid_field", "company_url"),
    ({**GOOD, "callback_url": "javascript:alert(1)"}, 422, "invalid_field", "callback_url"),
    ({**GOOD, "source_urls": ["https://a.example", "nonsense"]}, 422, "invalid_field", "source_urls[1]"),
    ({**GOOD, "keyword": "x"}, 422, "unknown_field", "keyword"),
    ({**GOOD, "priority": 9}, 422, "invalid_field", "priority"),
    ({**GOOD, "priority": 0}, 422, "invalid_field", "priority"),
    ({**GOOD, "priority": "high"}, 422, "invalid_field", "priority"),
    ({**GOOD, "max_duration_minutes": 0}, 422, "invalid_field", "max_duration_minutes"),
    ({**GOOD, "max_duration_minutes": 61}, 422, "invalid_field", "max_duration_minutes"),
    ({**GOOD, "country": "Germany"}, 422, "invalid_field", "country"),
    ({**GOOD, "language": "e"}, 422, "invalid_field", "language"),
    ({**GOOD, "word_count": 5}, 422, "invalid_field", "word_count"),
    ({**GOOD, "max_cost_usd": 0}, 422, "invalid_field", "max_cost_usd"),
    ({**GOOD, "max_cost_usd": "much"}, 422, "invalid_field", "max_cost_usd"),
]


def assert_problem(answer: Any, status: int, code: str, field: str | None = None) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    problem = answer.json()
    assert problem["status"] == status
    assert problem["code"] == code
    assert problem.get("field") == field
    assert problem["detail"]
    if field:
        assert field in problem["detail"]


async def test_bad_bodies_are_refused_by_name_and_nothing_is_stored(door: Any) -> None:
    async with door.gateway():
        for body, status, code, field in BODIES:
            assert_problem(await door.http.post("/write-async", json=body), status, code, field)
            batch = await door.http.post("/write-batch", json={"jobs": [GOOD, body]})
            assert_problem(batch, status, code, f"jobs[1].{field}")
        assert (await door.http.get("/jobs")).json()["total"] == 0


@pytest.mark.parametrize(
    "content",
    [b"", b"nonsense", b"[]", b'"text"', b"{", b"\xff\xfe", b'{"a": NaN}', b"[" * 5000 + b"]" * 5000],
)
async def test_a_body_that_is_no_json_object_is_refused(door: Any, content: bytes) -> None:
    async with door.gateway():
        answer = await door.http.post(
            "/write-async", content=content, headers={"content-type": "application/json"}
        )
        assert_problem(answer, 400, "invalid_json")


async def test_a_body_of_five_megabytes_is_refused(door: Any) -> None:
    async with door.gateway():
        body = json.dumps({**GOOD, "content_generation_instruction": "x" * 5_000_000}).encode()
        assert_problem(await door.http.post("/write-async", content=body), 413, "body_too_large")

        async def chunks() -> Any:
            for start in range(0, len(body), 65536):
                yield body[start : start + 65536]

        assert_problem(await door.http.post("/write-async", content=chunks()), 413, "body_too_large")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=-1", "limit"),
        ("batch_id=a%00b", "batch_id"),
        ("limit=0", "limit"),
        ("limit=10000", "limit"),
        ("limit=many", "limit"),
        ("offset=-1", "offset"),
        ("status=sleeping", "status"),
    ],
)
async def test_bad_parameters_are_refused(door: Any, query: str, field: str) -> None:
    async with door.gateway():
        assert_problem(await door.http.get(f"/jobs?{query}"), 400, "invalid_parameter", field)


async def test_unknown_and_malformed_jobs_are_told_apart(door: Any) -> None:
    unknown = "550e8400-e29b-41d4-a716-446655440000"
    async with door.gateway():
        for method, path in (
            ("GET", "/jobs/{}/status"),
            ("GET", "/jobs/{}/events"),
            ("GET", "/jobs/{}/article"),
            ("GET", "/jobs/{}/files/hero.png"),
            ("POST", "/jobs/{}/cancel"),
            ("POST", "/jobs/{}/retry"),
        ):
            known = await door.http.request(method, path.format(unknown))
            assert known.json()["code"] == "job_not_found"
            assert known.status_code == 404
            assert_problem(
                await door.http.request(method, path.format("17")), 400, "invalid_job_id", "job_id"
            )
        assert_problem(await door.http.get("/batches/%00"), 400, "invalid_parameter", "batch_id")
        assert_problem(await door.http.get("/batches/none"), 404, "batch_not_found", "batch_id")
        assert_problem(await door.http.get("/nowhere"), 404, "not_found")
        assert_problem(await door.http.delete("/jobs"), 405, "method_not_allowed")


@pytest.mark.parametrize("point", [b"seven", b"9" * 5000, b"\xb2", b"-1"])
async def test_a_bad_resumption_point_is_refused(door: Any, point: bytes) -> None:
    async with door.gateway():
        job_id = await door.submit()
        headers = {b"accept": b"text/event-stream", b"last-event-id": point}
        answer = await door.http.get(f"/jobs/{job_id}/events", headers=headers)
        assert_problem(answer, 400, "invalid_parameter", "Last-Event-ID")


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.1", "example.com", "::"])
async def test_other_addresses_than_this_machine_are_refused(door: Any, host: str) -> None:
    with pytest.raises(Exception, match="BLOG_WRITER_HOST"):
        async with door.gateway(host=host):
            pass
