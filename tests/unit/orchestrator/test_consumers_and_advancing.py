"""The thin shell around the machine: nothing that comes in holds up what comes with it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.ids import JobId
from orchestrator.advancing import Advancer
from orchestrator.consumers import storable
from orchestrator.fold import Happening, Refused
from orchestrator.job import Ignored, WakeUp
from orchestrator.store import Advanced

GOOD, BAD = JobId("good"), JobId("bad")


class Broker:
    """Stands in for a connection of which nothing is asked."""

    def jetstream(self) -> None:
        return None


class Outbox:
    async def send(self, *_arguments: Any) -> int:
        return 0


class Store:
    """Fails a whole batch for one of its jobs, as a transaction does."""

    pool = None
    outbox = Outbox()

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.batches: list[list[JobId]] = []

    async def advance(self, batch: Sequence[Happening]) -> Advanced:
        self.batches.append([job_id for job_id, _ in batch])
        if BAD in self.batches[-1]:
            raise self.error
        return Advanced([Ignored("nothing_due") for _ in batch], [], [], {}, [])


async def apply(error: Exception) -> tuple[list[Any], Store]:
    store: Any = Store(error)
    broker: Any = Broker()
    verdicts = await Advancer(store, broker).apply([(job_id, WakeUp()) for job_id in (GOOD, BAD, GOOD)])
    return verdicts, store


@pytest.mark.parametrize(
    "error",
    [
        KeyError("stage_04"),
        AssertionError("never"),
        asyncpg.DataError("bad"),
        asyncpg.UniqueViolationError("2"),
        asyncpg.exceptions._base.DataError("a value that is no number"),
    ],
)
async def test_an_input_that_cannot_be_applied_is_refused_alone(error: Exception) -> None:
    verdicts, store = await apply(error)
    assert [type(verdict) for verdict in verdicts] == [Ignored, Refused, Ignored]
    assert type(error).__name__ in verdicts[1].reason
    assert store.batches == [[GOOD, BAD, GOOD], [GOOD], [BAD], [GOOD]]


@pytest.mark.parametrize(
    "error",
    [
        OSError("away"),
        TimeoutError(),
        asyncpg.InterfaceError("closing"),
        asyncpg.InternalClientError("got result for unknown protocol state"),
        asyncpg.CannotConnectNowError("starting up"),
        asyncpg.DeadlockDetectedError("again"),
        asyncpg.TooManyConnectionsError("busy"),
    ],
)
async def test_a_database_in_trouble_refuses_nothing(error: Exception) -> None:
    with pytest.raises(type(error)):
        await apply(error)


async def test_no_inputs_are_no_transaction() -> None:
    store: Any = Store(KeyError())
    broker: Any = Broker()
    assert await Advancer(store, broker).apply([]) == []
    assert store.batches == []


@given(st.lists(st.lists(st.sampled_from(["\x00", "\\", "u0000", '"', "x"])).map("".join)))
def test_text_keeps_everything_but_its_nul_characters(texts: list[str]) -> None:
    stored = json.loads(storable(json.dumps(texts).encode()))
    assert stored == [text.replace("\x00", "\ufffd") for text in texts]
