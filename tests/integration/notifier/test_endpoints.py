"""Endpoints that fail, ask for a pause, or are gone: how they are spared, and that none of their webhooks is lost."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import asyncpg
import pytest
from standardwebhooks import Webhook

from notifier.breaker import DISABLED_AFTER, THRESHOLD

OTHER = "whsec_" + "bm90IHRoZSBzYW1lIGtleSBhcyB0aGUgb3RoZXI="


async def endpoint(jobs) -> asyncpg.Record | None:
    return await jobs.connection.fetchrow("SELECT * FROM notifier.endpoints")


async def counted(jobs, status: str) -> int:
    number: int = await jobs.connection.fetchval(
        "SELECT count(*) FROM notifier.deliveries WHERE status = $1", status
    )
    return number


async def test_an_endpoint_that_fails_often_is_left_alone_and_then_probed_by_one(
    notifying, jobs, sink, until
) -> None:
    sink.always = "500 Oops"
    ladder = (0.0, *[0.05] * 200)
    async with notifying(webhook_retry_seconds=ladder, webhook_breaker_seconds=1.5):
        events = [await jobs.end(sink.url) for _ in range(12)]
        await until(lambda: _open(jobs), 40)
        spared = len(sink.received)
        assert THRESHOLD <= spared <= THRESHOLD + 3  # what was on its way when the breaker opened
        await until(lambda: len(sink.received) > spared, 40)
        await until(lambda: _open(jobs, trips=2), 40)
        assert len(sink.received) == spared + 1
        sink.always = "200 OK"
        for event in events:
            await until(lambda event=event: jobs.has(event, "delivered"), 40)
    assert await endpoint(jobs) is None


async def _open(jobs, trips: int = 1) -> bool:
    row = await endpoint(jobs)
    return row is not None and row["trips"] >= trips and row["open_until"] is not None


async def test_two_notifiers_send_one_probe(notifying, jobs, sink, until) -> None:
    await jobs.connection.execute(
        """INSERT INTO notifier.endpoints (endpoint, tenant, url, failures, trips, open_until)
        VALUES (notifier.endpoint_of('default', $1), 'default', $1, 10, 1, now() + interval '1 second')""",
        sink.url,
    )
    sink.always = "hang"
    async with notifying(webhook_timeout_seconds=2), notifying(webhook_timeout_seconds=2):
        for _ in range(10):
            await jobs.end(sink.url)
        await until(lambda: bool(sink.received), 40)
        await until(lambda: _tried(jobs), 40)
        assert len(sink.received) == 1


async def _tried(jobs) -> bool:
    return bool(await jobs.connection.fetchval("SELECT count(*) FROM notifier.attempts"))


async def test_pauses_use_up_no_attempt(notifying, jobs, sink, until) -> None:
    sink.answers = ["429 Slow down\r\nRetry-After: 0", "503 Later\r\nRetry-After: 0", "500 Oops"]
    async with notifying(webhook_retry_seconds=(0, 0.05)):
        event = await jobs.end(sink.url)
        await until(lambda: jobs.has(event, "delivered"), 40)
    assert await jobs.reasons(event) == ["http_429", "http_503", "http_500", "delivered"]


async def test_an_endpoint_that_asks_for_a_pause_gets_it_for_all_its_webhooks(
    notifying, jobs, sink, until
) -> None:
    sink.answers = ["429 Slow down\r\nRetry-After: 600"]
    async with notifying():
        first = await jobs.end(sink.url)
        await until(lambda: _tried(jobs), 40)
        others = [await jobs.end(sink.url, "failed") for _ in range(5)]
        elsewhere = await jobs.end(sink.url + "?other")
        await until(lambda: jobs.has(elsewhere, "delivered"), 40)
    assert len(sink.received) == 2
    for event in (first, *others):
        assert await jobs.status(event) == "pending"


async def test_an_endpoint_that_is_gone_gets_nothing_more_until_it_takes_one_again(
    notifying, jobs, sink, until
) -> None:
    sink.always = "410 Gone"
    async with notifying(webhook_endpoint_concurrency=1, webhook_sweep_seconds=0.5):
        gone = await jobs.end(sink.url)
        await until(lambda: jobs.has(gone, "held"), 40)
        later = [await jobs.end(sink.url) for _ in range(3)]
        for event in later:
            await until(lambda event=event: jobs.has(event, "held"), 40)
        other = await jobs.end(sink.url + "?other")
        await until(lambda: jobs.has(other, "held"), 40)
        assert len(sink.received) == 2
        sink.always = "200 OK"
        await jobs.connection.execute(
            "UPDATE notifier.deliveries SET status = 'pending', next_attempt_at = now() WHERE job_id = $1",
            gone.job_id,
        )
        for event in (gone, *later):
            await until(lambda event=event: jobs.has(event, "delivered"), 40)
        assert await jobs.status(other) == "held"
    assert await counted(jobs, "held") == 1


async def test_what_waits_when_an_endpoint_is_disabled_is_held(notifying, jobs, sink, until) -> None:
    sink.answers = ["500 Oops", "500 Oops", "500 Oops"]
    async with notifying(webhook_retry_seconds=(0, 600, 600)):
        events = [await jobs.end(sink.url) for _ in range(3)]
        await until(lambda: _attempts(jobs, 3), 40)
        sink.always = "410 Gone"
        last = await jobs.end(sink.url)
        for event in (*events, last):
            await until(lambda event=event: jobs.has(event, "held"), 40)


async def _attempts(jobs, number: int) -> bool:
    return await jobs.connection.fetchval("SELECT count(*) FROM notifier.attempts") == number


async def test_days_of_failures_disable_an_endpoint(notifying, jobs, sink, until) -> None:
    sink.always = "500 Oops"
    async with notifying(webhook_retry_seconds=(0, 0.2, 600)):
        event = await jobs.end(sink.url)
        await until(lambda: _attempts(jobs, 2), 40)
        await jobs.connection.execute(
            "UPDATE notifier.endpoints SET failing_since = failing_since - $1::interval",
            DISABLED_AFTER + timedelta(minutes=1),
        )
        await jobs.connection.execute("UPDATE notifier.deliveries SET next_attempt_at = now()")
        await until(lambda: jobs.has(event, "held"), 40)
    row = await endpoint(jobs)
    assert row is not None
    assert row["disabled_reason"] == "failing"


async def test_no_more_than_its_rate_goes_to_an_endpoint(notifying, jobs, sink, until) -> None:
    async with notifying(webhook_endpoint_rate=3):
        loop = asyncio.get_running_loop()
        started = loop.time()
        events = [await jobs.end(sink.url) for _ in range(9)]
        for event in events:
            await until(lambda event=event: jobs.has(event, "delivered"), 40)
        assert loop.time() - started > 1.9  # a burst of three, then six at three a second


async def test_both_secrets_sign_while_one_replaces_the_other(notifying, jobs, sink, until, settings) -> None:
    async with notifying(webhook_secret=(OTHER, *settings.webhook_secret)):
        event = await jobs.end(sink.url)  # the sink verifies with the older one
        await until(lambda: jobs.has(event, "delivered"), 40)
    headers, body = sink.received[0]
    Webhook(OTHER).verify(body, headers)
    assert len(headers["webhook-signature"].split()) == 2


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "http://10.0.0.1/"])
async def test_an_address_that_must_not_be_called_is_tried_once_and_has_no_endpoint(
    notifying, jobs, until, url
) -> None:
    async with notifying(allow_private_networks=()):
        event = await jobs.end(url)
        await until(lambda: jobs.has(event, "exhausted"), 40)
    assert await jobs.reasons(event) == ["ssrf_blocked"]
    assert await endpoint(jobs) is None


async def test_a_delivery_that_an_older_notifier_noted_is_delivered(notifying, jobs, sink, until) -> None:
    """It knows neither endpoints nor pauses, and writes what it always wrote."""
    event = await jobs.end(sink.url, tell=False)
    await jobs.connection.execute(
        """INSERT INTO notifier.deliveries (job_id, tenant, seq, event, url, host, body, next_attempt_at)
        VALUES ($1, 'default', 5, 'completed', $2, 'h', '{}', now())""",
        event.job_id,
        sink.url,
    )
    async with notifying():
        await until(lambda: jobs.has(event, "delivered"), 40)
    assert sink.received[0][1] == b"{}"
