"""The ledger: paid calls as workers tell of them, and what they come to for each job, in one transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import asyncpg
import msgspec

from chassis.database import Queries, columns
from contracts.spending import PaidCall
from orchestrator import metrics
from orchestrator.usage import Entry, spending


class Ledger:
    """Rows of paid calls and their sums."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._queries = Queries.load("orchestrator")

    async def record(self, told: Sequence[PaidCall]) -> None:
        """Write what was told, each once; what is told of jobs that are gone is left out."""
        if not told:
            return
        calls = latest(told)
        async with self._pool.acquire() as connection, connection.transaction():
            fresh = await self._written(connection, calls)
        for call in calls:
            if call.call_id in fresh and call.state != "open":
                count(call)

    async def _written(self, connection: Any, calls: Sequence[PaidCall]) -> set[str]:
        """Return the calls of which something new was told."""
        ids = sorted({call.job_id for call in calls})
        there = {row["job_id"] for row in await connection.fetch(self._queries["lock_existing"], ids)}
        rows = [_row(call) for call in calls if call.job_id in there]
        if not rows:
            return set()
        fresh = await connection.fetch(self._queries["record_paid_calls"], *columns(rows))
        entries: defaultdict[str, list[Entry]] = defaultdict(list)
        for row in await connection.fetch(self._queries["paid_calls"], sorted(there)):
            entry = dict(row)
            entries[entry.pop("job_id")].append(Entry(**entry))
        await connection.execute(self._queries["sum_up"], *columns(map(_sums, entries.items())))
        return {row["call_id"] for row in fresh}


def latest(told: Iterable[PaidCall]) -> list[PaidCall]:
    """Return one word on each call, its outcome if that is among them: a statement may not touch a row twice."""
    found: dict[tuple[str, str], PaidCall] = {}
    for call in told:
        name = call.job_id, call.call_id
        if name not in found or found[name].state == "open":
            found[name] = call
    return list(found.values())


def count(call: PaidCall) -> None:
    """Count a call whose outcome is known."""
    metrics.PAID_CALLS.labels(call.kind, call.state).inc()
    metrics.TOKENS.labels("input").inc(call.input_tokens)
    metrics.TOKENS.labels("output").inc(call.output_tokens)
    metrics.COST.labels(call.kind).inc((call.cost_micros or 0) / 1_000_000)


def _row(call: PaidCall) -> tuple[Any, ...]:
    return (
        call.job_id,
        call.call_id,
        call.stage.value,
        call.run,
        call.round,
        call.attempt,
        call.kind,
        call.key,
        call.name,
        call.provider,
        call.state,
        call.reserved_micros,
        call.cost_micros,
        call.input_tokens,
        call.output_tokens,
        call.at,
        None if call.state == "open" else call.at,
    )


def _sums(job: tuple[str, Sequence[Entry]]) -> tuple[Any, ...]:
    job_id, entries = job
    found = spending(entries)
    return job_id, found.settled_micros, found.open_micros, msgspec.json.encode(found.usage).decode()
