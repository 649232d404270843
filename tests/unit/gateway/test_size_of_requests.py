"""A request is weighed as it will travel, not as it came."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from chassis.clock import FrozenClock
from contracts import codec
from contracts.ids import DEFAULT_TENANT
from contracts.payloads import REQUEST_LIMIT
from gateway.errors import Refusal
from gateway.schemas import BatchRequest, WriteRequest
from gateway.submissions import Intake, refuse_unfit, write_batch


def body(client_info: str) -> bytes:
    text = f'{{"primary_keyword": "k", "company_url": "https://x.example", "client_info": {{"x": {client_info}}}}}'
    return text.encode()


SHORT_NUMBERS = body("[" + ",".join(["1e15"] * 40_000) + "]")
"""200 KB as it comes, 760 KB as it is written again."""


def request_of_exactly(size: int) -> WriteRequest:
    bare = len(codec.encode(codec.decode(body('""'), WriteRequest)))
    return codec.decode(body('"' + "x" * (size - bare) + '"'), WriteRequest)


def test_a_request_that_grows_past_the_limit_is_refused() -> None:
    assert len(SHORT_NUMBERS) < REQUEST_LIMIT
    with pytest.raises(Refusal, match="with its numbers written out") as caught:
        refuse_unfit(codec.decode(SHORT_NUMBERS, WriteRequest))
    assert (caught.value.status, caught.value.code) == (413, "body_too_large")


def test_the_limit_itself_is_allowed_and_one_byte_more_is_not() -> None:
    refuse_unfit(request_of_exactly(REQUEST_LIMIT))
    with pytest.raises(Refusal):
        refuse_unfit(request_of_exactly(REQUEST_LIMIT + 1))


async def test_such_a_request_is_stored_nowhere() -> None:
    nowhere: Any = None
    intake = Intake(nowhere, nowhere, FrozenClock(datetime(2026, 1, 4, tzinfo=UTC)))
    with pytest.raises(Refusal) as caught:
        await intake.accept_one(DEFAULT_TENANT, codec.decode(SHORT_NUMBERS, WriteRequest), None)
    assert caught.value.code == "body_too_large"


async def test_in_a_batch_the_refusal_names_the_request() -> None:
    batch = BatchRequest(
        jobs=(codec.decode(body("1"), WriteRequest), codec.decode(SHORT_NUMBERS, WriteRequest))
    )
    nowhere: Any = None
    intake = Intake(nowhere, nowhere, nowhere)
    with pytest.raises(Refusal, match=r"^jobs\[1\] takes"):
        await write_batch.fn(data=batch, intake=intake, tenant=DEFAULT_TENANT)
