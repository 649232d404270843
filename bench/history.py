"""Finished jobs, as the services would have left them: set-based, since only the rows matter and not how they came."""

from __future__ import annotations

import asyncpg

JOBS = """
INSERT INTO jobs.jobs (
    job_id, tenant, batch_id, state, priority, primary_keyword, company_url, language, country, callback_url,
    created_at, queued_at, started_at, finished_at, eta_at, run, round, seq, stages_completed, progress_percent,
    quality_score, error, error_code, error_stage, doc, request
)
SELECT
    j.id, 'default', CASE WHEN n % 50 = 0 THEN 'batch-' || n / 1000 END, j.state, 1 + n % 3, 'heat pumps',
    'https://example.com', 'en', 'US', CASE WHEN n % 2 = 0 THEN 'https://example.com/webhook' END,
    j.at, j.at, j.at, j.at + interval '20 seconds', NULL, 1, 1, 29, 13, 100,
    CASE WHEN j.state = 'completed' THEN 90 END, CASE WHEN j.state = 'failed' THEN 'there are no sources' END,
    CASE WHEN j.state = 'failed' THEN 'no_sources' END, CASE WHEN j.state = 'failed' THEN 'stage_02' END,
    json_build_object(
        'job_id', j.id, 'tenant', 'default', 'state', j.state, 'priority', 1 + n % 3, 'primary_keyword', 'heat pumps',
        'max_duration_minutes', 30, 'created_at', j.at, 'queued_at', j.at, 'pipeline_version', 1, 'seq', 29
    ),
    '{"primary_keyword": "heat pumps", "company_url": "https://example.com"}'
FROM (
    SELECT
        gen_random_uuid() AS id, n, CASE WHEN n % 20 = 0 THEN 'failed' ELSE 'completed' END AS state,
        now() - make_interval(secs => 60 + n * 5.0) AS at
    FROM generate_series(1, $1::int) AS n
) AS j
"""
"""$1 jobs, one every 5 seconds up to a minute ago: 100,000 fit into the week for which they are kept. A twentieth failed,
half want a webhook."""
STAGE_RUNS = """
INSERT INTO jobs.stage_runs (job_id, stage, run, round, attempt, status, started_at, finished_at, worker)
SELECT
    job_id, 'stage_' || lpad(n::text, 2, '0'), 1, 1, 1, 'done',
    started_at + n * interval '1 second', started_at + (n + 1) * interval '1 second', 'bench'
FROM jobs.jobs CROSS JOIN generate_series(0, 12) AS n WHERE finished_at IS NOT NULL
"""
STAGE_OUTPUTS = """
INSERT INTO jobs.stage_outputs (job_id, stage, round, payload)
SELECT job_id, 'stage_' || lpad(n::text, 2, '0'), 1, '{"kind": "inline", "value": {}}'::bytea
FROM jobs.jobs CROSS JOIN generate_series(0, 12) AS n WHERE finished_at IS NOT NULL
"""
RESULTS = """
INSERT INTO jobs.results (job_id, tenant, slug, headline, primary_keyword, result, created_at)
SELECT job_id, tenant, 'heat-pumps', 'Heat pumps', primary_keyword, '{}', finished_at
FROM jobs.jobs WHERE state = 'completed'
"""
EVENTS = """
INSERT INTO jobs.events (job_id, seq, type, at, body)
SELECT
    job_id, n, CASE WHEN n = 29 THEN state WHEN n % 2 = 0 THEN 'stage_started' ELSE 'stage_completed' END,
    started_at + n * interval '690 ms', json_build_object('job_id', job_id, 'seq', n, 'tenant', tenant)
FROM jobs.jobs CROSS JOIN generate_series(1, 29) AS n WHERE finished_at IS NOT NULL
"""
SUBMISSIONS = """
INSERT INTO gateway.submissions (job_id, tenant, batch_id, created_at, job, command, taken_at)
SELECT job_id, tenant, batch_id, created_at, '{}', '{}', created_at FROM jobs.jobs WHERE finished_at IS NOT NULL
"""
DELIVERIES = """
INSERT INTO notifier.deliveries (
    job_id, tenant, seq, event, url, host, body, status, attempts, next_attempt_at, created_at, delivered_at
)
SELECT
    job_id, tenant, 29, state, callback_url, 'example.com:443', '{}', 'delivered', 1, finished_at, finished_at, finished_at
FROM jobs.jobs WHERE finished_at IS NOT NULL AND callback_url IS NOT NULL
"""


async def seed(pool: asyncpg.Pool, jobs: int) -> None:
    """Fill the tables with so many finished jobs and all that belongs to them, as after a vacuum."""
    async with pool.acquire() as connection:
        async with connection.transaction():
            await connection.execute(
                "SET LOCAL session_replication_role = replica"
            )  # no check of each foreign key
            await connection.execute(JOBS, jobs)
            for statement in (STAGE_RUNS, STAGE_OUTPUTS, RESULTS, EVENTS, SUBMISSIONS, DELIVERIES):
                await connection.execute(statement)
        await connection.execute("VACUUM ANALYZE")
