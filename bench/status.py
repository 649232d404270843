"""Reading a job's status over HTTP, against a handler that selects one row by primary key."""

from __future__ import annotations

from bench.load import Load, put, request
from bench.measure import Line, Measured, side_by_side
from bench.processes import http_server, servers

CONNECTIONS = 32
SECONDS = 2.5
JOBS = 10_000
ASKED = 1000

PENDING_JOBS = """
INSERT INTO jobs.jobs (
    job_id, tenant, state, priority, primary_keyword, company_url, language, country, created_at, queued_at,
    run, round, seq, stages_completed, progress_percent, doc, request
)
SELECT
    j.id, j.tenant, 'pending', 1 + n % 3, 'heat pumps',
    'https://example.com', 'en', 'US', now() - n * interval '10 ms', now() - n * interval '10 ms', 1, 1, 1, 0, 0,
    json_build_object(
        'job_id', j.id, 'tenant', j.tenant, 'state', 'pending',
        'priority', 1 + n % 3, 'primary_keyword', 'heat pumps', 'max_duration_minutes', 30,
        'created_at', now(), 'queued_at', now() - n * interval '10 ms', 'pipeline_version', 1, 'seq', 1
    ),
    '{"primary_keyword": "heat pumps", "company_url": "https://example.com"}'
FROM (
    SELECT gen_random_uuid() AS id, n, CASE WHEN $2::int = 1 THEN 'default' ELSE 'tenant-' || n % $2 END AS tenant
    FROM generate_series(1, $1::int) AS n
) AS j
"""
"""$1 jobs of $2 tenants, as the orchestrator would have written them."""


async def measure(rounds: int) -> list[Line]:
    """Return the row."""
    async with servers() as s:
        await s.pool.execute(PENDING_JOBS, JOBS, 1)
        await s.pool.execute("VACUUM ANALYZE jobs.jobs")
        rows = await s.pool.fetch("SELECT job_id::text FROM jobs.jobs ORDER BY random() LIMIT $1", ASKED)
        async with http_server(s, "gateway") as gateway, http_server(s, "bench.bare") as bare:

            async def load(port: int, path: str) -> Measured:
                requests = [request("GET", path.format(row["job_id"])) for row in rows]
                return await put(Load(port, CONNECTIONS, SECONDS, requests))

            baselines = {"bare handler, one row by key": lambda: load(bare, "/row/{}")}
            return await side_by_side("status", lambda: load(gateway, "/jobs/{}/status"), baselines, rounds)
