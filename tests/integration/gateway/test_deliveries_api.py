"""A job's webhooks over HTTP: what became of them, again, and a test of an address; with the notifier itself."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from standardwebhooks import Webhook
from tests.running_service import running

import notifier.service
import notifier.settings

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
LOCAL = ("127.0.0.0/8",)
UNKNOWN = "550e8400-e29b-41d4-a716-446655440000"


class Receiver:
    """Takes webhooks that verify, and answers with the status it is told."""

    def __init__(self) -> None:
        self.status = 204
        self.bodies: list[dict[str, Any]] = []
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            pairs = (line.partition(":") for line in head.split("\r\n")[1:])
            headers = {name.lower(): value.strip() for name, _, value in pairs}
            body = await reader.readexactly(int(headers["content-length"]))
            Webhook(SECRET).verify(body, headers)
            self.bodies.append({"id": headers["webhook-id"], **json.loads(body)})
            answer = f"HTTP/1.1 {self.status} Said\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            writer.write(answer.encode())
            await writer.drain()
        finally:
            writer.close()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    async with await asyncio.start_server(made.serve, "127.0.0.1", 0) as server:
        made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
        yield made


@asynccontextmanager
async def notifying(door: Any, **changes: Any) -> AsyncIterator[None]:
    values: dict[str, Any] = {
        "database_url": door.database_url,
        "nats_url": door.nats_url,
        "webhook_secret": (SECRET,),
        "webhook_timeout_seconds": 5,
        "webhook_retry_seconds": (0, 600),
        "allow_private_networks": LOCAL,
    }
    settings = notifier.settings.Settings(**{**values, **changes})
    async with running(notifier.service.run, settings, 30):
        yield


async def shown(door: Any, job_id: str, *statuses: str) -> list[dict[str, Any]]:
    """Return a job's webhooks once they have these statuses."""
    async with asyncio.timeout(40):
        while True:
            answer = (await door.http.get(f"/jobs/{job_id}/deliveries")).json()["deliveries"]
            if [each["status"] for each in answer] == list(statuses):
                return list(answer)
            await asyncio.sleep(0.05)


async def cancelled(door: Any, **request: Any) -> str:
    """Return a job that ended at once, since nothing runs its stages."""
    job_id: str = await door.submit(**request)
    await door.until(job_id, "running")
    assert (await door.http.post(f"/jobs/{job_id}/cancel")).status_code in {200, 202}
    await door.until(job_id, "cancelled")
    return job_id


async def test_a_job_shows_each_webhook_with_each_attempt(door: Any, receiver: Receiver) -> None:
    receiver.status = 500
    async with door.gateway(allow_private_networks=LOCAL), door.orchestrator():
        job_id = await cancelled(door, callback_url=receiver.url)
        async with notifying(door, webhook_retry_seconds=(0, 0.05)):
            (found,) = await shown(door, job_id, "exhausted")
    assert found["webhook_id"] == receiver.bodies[0]["id"] == f"msg_{job_id}_{found['seq']}"
    assert (found["event"], found["url"], found["last_reason"]) == ("cancelled", receiver.url, "http_500")
    assert [(one["number"], one["reason"], one["status_code"]) for one in found["attempts"]] == [
        (1, "http_500", 500),
        (2, "http_500", 500),
    ]


async def test_a_webhook_that_was_given_up_is_sent_again_on_request(door: Any, receiver: Receiver) -> None:
    receiver.status = 500
    async with door.gateway(allow_private_networks=LOCAL), door.orchestrator():
        job_id = await cancelled(door, callback_url=receiver.url)
        async with notifying(door, webhook_retry_seconds=(0,)):
            (found,) = await shown(door, job_id, "exhausted")
            receiver.status = 200
            answer = await door.http.post(f"/jobs/{job_id}/deliveries/replay")
            assert (answer.status_code, answer.json()["deliveries"]) == (202, 1)
            await shown(door, job_id, "delivered")
            nothing = await door.http.post(f"/jobs/{job_id}/deliveries/replay")
            assert (nothing.status_code, nothing.json()["code"]) == (409, "nothing_to_replay")
            once_more = await door.http.post(f"/jobs/{job_id}/deliveries/replay?seq={found['seq']}")
            assert once_more.status_code == 202
            async with asyncio.timeout(30):
                while len(receiver.bodies) < 3:
                    await asyncio.sleep(0.02)
    assert len({body["id"] for body in receiver.bodies}) == 1


async def test_an_endpoint_that_said_gone_gets_its_held_webhooks_after_a_test_it_takes(
    door: Any, receiver: Receiver
) -> None:
    receiver.status = 410
    async with door.gateway(allow_private_networks=LOCAL), door.orchestrator(max_concurrent=5):
        first = await cancelled(door, callback_url=receiver.url)
        async with notifying(door):
            (found,) = await shown(door, first, "held")
            assert found["endpoint_disabled"] == "gone"
            second = await cancelled(door, callback_url=receiver.url)
            await shown(door, second, "held")
            assert len(receiver.bodies) == 1
            refused = (await door.http.post("/webhooks/test", json={"url": receiver.url})).json()
            assert (refused["delivered"], refused["reason"]) == (False, "http_410")
            receiver.status = 200
            taken = (await door.http.post("/webhooks/test", json={"url": receiver.url})).json()
            assert (taken["delivered"], taken["reason"], taken["status_code"]) == (True, "delivered", 200)
            for job_id in (first, second):
                (found,) = await shown(door, job_id, "delivered")
                assert found["endpoint_disabled"] is None
    assert [body["event"] for body in receiver.bodies[1:3]] == ["test", "test"]
    assert {body["job_id"] for body in receiver.bodies[3:]} == {first, second}


async def test_a_request_chooses_its_events_and_a_thin_body(door: Any, receiver: Receiver) -> None:
    wish = {"callback_events": ["submitted", "started", "cancelled"], "webhook_payload": "thin"}
    async with (
        door.gateway(allow_private_networks=LOCAL),
        door.orchestrator(),
        notifying(door, public_url="https://api.example"),
    ):
        job_id = await cancelled(door, callback_url=receiver.url, **wish)
        found = await shown(door, job_id, "delivered", "delivered", "delivered")
    by_seq = sorted(receiver.bodies, key=lambda body: body["seq"])
    assert [body["event"] for body in by_seq] == ["submitted", "started", "cancelled"]
    assert [body["status"] for body in by_seq] == ["pending", "running", "cancelled"]
    assert [body["seq"] for body in by_seq] == [each["seq"] for each in found]
    assert by_seq[0]["links"]["status"] == f"https://api.example/jobs/{job_id}/status"
    assert all("result" not in body and "details" not in body for body in by_seq)


async def test_the_sweep_finds_the_steps_that_nats_lost(door: Any, receiver: Receiver) -> None:
    async with door.gateway(allow_private_networks=LOCAL), door.orchestrator():
        job_id = await cancelled(door, callback_url=receiver.url, callback_events=["started"])
        plain = await cancelled(door, callback_url=receiver.url)
        await _forget_events(door)
        await door.pool.execute("UPDATE jobs.events SET at = at - interval '1 minute'")
        async with notifying(door):
            (found,) = await shown(door, job_id, "delivered")
            (other,) = await shown(door, plain, "delivered")
    assert (found["event"], other["event"]) == ("started", "cancelled")
    assert len(receiver.bodies) == 2


async def _forget_events(door: Any) -> None:
    import nats  # noqa: PLC0415  for this one test

    client = await nats.connect(door.nats_url)
    try:
        await client.jetstream().purge_stream("BLOG_EVENTS")
    finally:
        await client.close()


async def test_without_a_notifier_the_client_is_told_and_nothing_is_promised(
    door: Any, receiver: Receiver
) -> None:
    async with door.gateway(allow_private_networks=LOCAL):
        job_id = await door.submit(callback_url=receiver.url)
        for path, body in (
            (f"/jobs/{job_id}/deliveries/replay", None),
            ("/webhooks/test", {"url": receiver.url}),
        ):
            answer = await door.http.post(path, json=body)
            assert (answer.status_code, answer.json()["code"]) == (503, "notifier_unavailable")
            assert answer.headers["retry-after"]
        assert (await door.http.get(f"/jobs/{job_id}/deliveries")).json() == {
            "job_id": job_id,
            "deliveries": [],
        }


async def test_what_is_no_job_or_no_address_is_refused(door: Any) -> None:
    async with door.gateway():
        for method, path in (("GET", "deliveries"), ("POST", "deliveries/replay")):
            unknown = await door.http.request(method, f"/jobs/{UNKNOWN}/{path}")
            assert (unknown.status_code, unknown.json()["code"]) == (404, "job_not_found")
            nonsense = await door.http.request(method, f"/jobs/nonsense/{path}")
            assert (nonsense.status_code, nonsense.json()["code"]) == (400, "invalid_job_id")
        for body, code, field in (
            ({"url": "https://127.0.0.1/"}, "callback_not_allowed", "url"),
            ({"url": "javascript:alert(1)"}, "invalid_field", "url"),
            ({}, "missing_field", "url"),
            ({"url": "https://a.example/", "secret": "x"}, "unknown_field", "secret"),
        ):
            answer = await door.http.post("/webhooks/test", json=body)
            assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, code, field)


async def test_a_callback_that_can_never_be_called_is_refused_at_the_door(door: Any) -> None:
    good = {"primary_keyword": "energy", "company_url": "https://example.com"}
    bad = {**good, "callback_url": "http://127.0.0.1:9000/hook"}
    async with door.gateway():
        answer = await door.http.post("/write-async", json=bad)
        assert (answer.status_code, answer.json()["code"]) == (422, "callback_not_allowed")
        batch = await door.http.post("/write-batch", json={"jobs": [good, bad]})
        assert (batch.status_code, batch.json()["field"]) == (422, "jobs[1].callback_url")
        assert (await door.http.get("/jobs")).json()["total"] == 0


@pytest.mark.parametrize(
    "wish",
    [{"callback_events": []}, {"callback_events": ["stage_progress"]}, {"webhook_payload": "tiny"}],
)
async def test_a_wish_that_is_none_is_refused_by_field(door: Any, wish: dict[str, Any]) -> None:
    async with door.gateway():
        body = {"primary_keyword": "energy", "company_url": "https://example.com", **wish}
        answer = await door.http.post("/write-async", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_field")
    assert answer.json()["field"].startswith(next(iter(wish)))
