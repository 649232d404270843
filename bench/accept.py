"""Accepting jobs over HTTP, against a handler that does one INSERT, and one that does nothing."""

from __future__ import annotations

import msgspec

from bench.bare import SCHEMA
from bench.load import Load, put, request
from bench.measure import Line, Measured, side_by_side
from bench.processes import http_server, servers

CONNECTIONS = 64
SECONDS = 3.0
BODY = msgspec.json.encode(
    {
        "primary_keyword": "energy efficiency",
        "company_url": "https://example.com",
        "language": "en",
        "country": "US",
        "callback_url": "https://your-app.example/webhook",
        "priority": 2,
        "max_duration_minutes": 30,
    }
).decode()


async def measure(rounds: int) -> list[Line]:
    """Return the row."""
    async with servers() as s:
        await s.pool.execute(SCHEMA)
        async with http_server(s, "gateway") as gateway, http_server(s, "bench.bare") as bare:

            async def load(port: int, path: str) -> Measured:
                return await put(Load(port, CONNECTIONS, SECONDS, [request("POST", path, BODY)]))

            async def ours() -> Measured:
                measured = await load(gateway, "/write-async")
                await s.pool.execute("TRUNCATE gateway.submissions, gateway.outbox")
                await s.client.jetstream().purge_stream("BLOG_COMMANDS")
                return measured

            baselines = {
                "bare handler, one INSERT": lambda: load(bare, "/insert"),
                "bare handler, nothing": lambda: load(bare, "/nothing"),
            }
            return await side_by_side("accept", ours, baselines, rounds)
