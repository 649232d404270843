"""Webhooks reach their receivers: real Postgres, real NATS, a real HTTP server. The sink verifies each signature."""

from __future__ import annotations

import asyncio
import json
import time

import pytest

from contracts import codec
from contracts.dead_letters import DeadLetter


async def test_each_end_of_a_job_is_told_once_with_the_payload_of_the_contract(
    notifying, jobs, sink, until
) -> None:
    async with notifying():
        events = [await jobs.end(sink.url, state) for state in ("completed", "failed", "cancelled")]
        for event in events:
            await until(lambda event=event: jobs.has(event, "delivered"))
    by_status = {payload["status"]: payload for payload in sink.payloads}
    assert len(sink.received) == 3
    assert by_status["completed"]["result"] == json.loads(jobs.ARTICLE)
    assert by_status["failed"]["error"] == "no sources"
    assert by_status["cancelled"]["job_id"] == events[2].job_id
    assert {headers["content-type"] for headers, _ in sink.received} == {"application/json"}
    assert sorted(sink.ids) == sorted(f"msg_{event.job_id}_5" for event in events)


async def test_a_webhook_is_on_its_way_at_once(notifying, jobs, sink, until) -> None:
    async with notifying():
        event = await jobs.end(sink.url)
        started = time.monotonic()
        await until(lambda: bool(sink.received))
        assert time.monotonic() - started < 2
        await until(lambda: jobs.has(event, "delivered"))


async def test_a_job_without_callback_url_gets_no_delivery(notifying, jobs, sink, until) -> None:
    async with notifying():
        quiet = await jobs.end(None)
        loud = await jobs.end(sink.url)
        await until(lambda: jobs.has(loud, "delivered"))
    assert await jobs.deliveries(quiet) == []
    assert len(sink.received) == 1


async def test_the_same_event_three_times_is_one_webhook(notifying, jobs, sink, until) -> None:
    async with notifying():
        event = await jobs.end(sink.url)
        await jobs.publish(event, copy="-again")
        await jobs.publish(event, copy="-and-again")
        last = await jobs.end(sink.url, "failed")
        await until(lambda: jobs.has(last, "delivered"))
        await until(lambda: jobs.has(event, "delivered"))
        await until(lambda: _all_acked(jobs))
    assert sink.ids.count(f"msg_{event.job_id}_5") == 1


async def _all_acked(jobs) -> bool:
    info = await jobs.js.consumer_info("BLOG_EVENTS", "notifier")
    return info.num_pending == 0 and info.num_ack_pending == 0


@pytest.mark.parametrize(
    "body",
    [
        b"{no json",
        b'{"type": "unheard_of"}',
        b'{"type":"cancelled","job_id":"no-uuid","seq":1,"at":"2025-03-01T12:00:00Z","tenant":"default"}',
    ],
)
async def test_an_unreadable_event_is_put_aside_and_holds_up_nothing(
    notifying, jobs, sink, until, body
) -> None:
    async with notifying():
        await jobs.js.publish(
            "blog.events.some-job.completed", body, headers={"content-type": "application/json"}
        )
        event = await jobs.end(sink.url)
        await until(lambda: jobs.has(event, "delivered"))
        await until(lambda: _all_acked(jobs))
        letter = codec.decode((await jobs.js.get_msg("BLOG_DEAD_LETTERS", seq=1)).data, DeadLetter)
        assert (letter.code, letter.subject, letter.payload) == (
            "undecodable",
            "blog.events.some-job.completed",
            body,
        )


async def test_the_same_bytes_and_id_are_sent_until_the_receiver_takes_them(
    notifying, jobs, sink, until
) -> None:
    sink.answers = ["500 Oops", "404 Not Found", "200 OK"]
    async with notifying():
        event = await jobs.end(sink.url)
        await until(lambda: jobs.has(event, "delivered"))
    assert await jobs.reasons(event) == ["http_500", "http_404", "delivered"]
    assert len(set(sink.ids)) == 1
    assert len({body for _, body in sink.received}) == 1


async def test_a_receiver_that_was_down_gets_its_webhook_later_even_from_a_new_notifier(
    notifying, jobs, sink, until
) -> None:
    await sink.stop()
    async with notifying(webhook_retry_seconds=(0, 0.1, 1, 1, 1, 1, 1)):
        event = await jobs.end(sink.url)
        await until(lambda: _attempted(jobs, event))
    assert await jobs.status(event) == "pending"
    await sink.start()
    async with notifying():
        await until(lambda: jobs.has(event, "delivered"))
    assert set((await jobs.reasons(event))[:-1]) == {"connect"}


async def _attempted(jobs, event) -> bool:
    return bool(await jobs.reasons(event))


@pytest.mark.parametrize(
    ("answer", "reasons", "status"),
    [
        ("410 Gone", ["http_410"], "held"),
        ("302 Found\r\nLocation: /elsewhere", ["http_302", "http_302", "http_302"], "exhausted"),
        ("200 OK", ["delivered"], "delivered"),
        ("201 Created\r\nContent-Length: 99", ["delivered"], "delivered"),
        ("hang", ["timeout", "timeout", "timeout"], "exhausted"),
    ],
)
async def test_an_answer_decides_what_follows(notifying, jobs, sink, until, answer, reasons, status) -> None:
    sink.always = answer
    async with notifying(webhook_retry_seconds=(0, 0.05, 0.05), webhook_timeout_seconds=0.4):
        event = await jobs.end(sink.url)
        await until(lambda: jobs.has(event, status))
    assert await jobs.reasons(event) == reasons
    assert len(sink.received) == len(reasons)


async def test_retry_after_is_waited_for(notifying, jobs, sink, until) -> None:
    sink.answers = ["429 Slow down\r\nRetry-After: 1"]
    async with notifying():
        event = await jobs.end(sink.url)
        await until(lambda: bool(sink.received))
        first = time.monotonic()
        await until(lambda: jobs.has(event, "delivered"))
        assert 0.9 < time.monotonic() - first < 5
    assert await jobs.reasons(event) == ["http_429", "delivered"]


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://127.0.0.1:1/", "connect"),
        ("http://no-such-host.invalid/", "dns"),
        ("http://[broken/", "invalid_url"),
        ("http://127.0.0.1:99999/", "invalid_url"),
        ("http://a..b/", "dns"),
        ("http://h:word/", "invalid_url"),
        ("ftp://127.0.0.1/", "invalid_url"),
    ],
)
async def test_a_bad_address_gets_its_reason_and_stops_nothing(
    notifying, jobs, sink, until, url, reason
) -> None:
    async with notifying(webhook_retry_seconds=(0,)):
        bad, good = await jobs.end(url), await jobs.end(sink.url)
        await until(lambda: jobs.has(bad, "exhausted"))
        await until(lambda: jobs.has(good, "delivered"))
    assert await jobs.reasons(bad) == [reason]


async def test_https_to_a_server_without_tls_is_a_tls_failure(notifying, jobs, until) -> None:
    async def speak_nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"this is no TLS\r\n" * 4)
        writer.close()

    async with await asyncio.start_server(speak_nonsense, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with notifying(webhook_retry_seconds=(0,)):
            event = await jobs.end(f"https://127.0.0.1:{port}/")
            await until(lambda: jobs.has(event, "exhausted"))
    assert await jobs.reasons(event) == ["tls"]


async def test_a_hanging_receiver_delays_no_other(notifying, jobs, sink, until) -> None:
    async def hang(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)
        await asyncio.Event().wait()

    held: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    stuck = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with notifying(webhook_timeout_seconds=60):
        for _ in range(30):
            await jobs.end(stuck)
        await until(lambda: len(held) == 4)
        started = time.monotonic()
        events = [await jobs.end(sink.url) for _ in range(8)]
        for event in events:
            await until(lambda event=event: jobs.has(event, "delivered"))
        assert time.monotonic() - started < 5
        assert len(held) == 4
        stopping = time.monotonic()
    assert time.monotonic() - stopping < 10
    free = await jobs.connection.fetchval(
        "SELECT count(*) FROM notifier.deliveries WHERE status = 'pending' AND claimed_until IS NULL AND attempts = 0"
    )
    assert free == 30
    server.close()
    for writer in held:
        writer.close()
