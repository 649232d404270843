-- name: claim_keys
-- Use idempotency keys for the first time; those that were used before stay as they are.
INSERT INTO gateway.idempotency (tenant, key, request_sha256, answer)
SELECT tenant, key, sha, answer
FROM unnest($1::text[], $2::text[], $3::text[], $4::json[]) WITH ORDINALITY AS n (tenant, key, sha, answer, place)
ORDER BY tenant, key, place  -- one order everywhere, so that groups cannot deadlock
ON CONFLICT (tenant, key) DO NOTHING;

-- name: used_keys
-- What idempotency keys were used for.
SELECT tenant, key, request_sha256, answer FROM gateway.idempotency
JOIN (SELECT DISTINCT * FROM unnest($1::text[], $2::text[]) AS n (tenant, key)) AS n USING (tenant, key);

-- name: insert_submissions
-- Accept jobs.
INSERT INTO gateway.submissions (job_id, tenant, batch_id, created_at, job, command)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::json[], $6::bytea[]);

-- name: mark_taken
-- Submissions that the orchestrator has by now.
UPDATE gateway.submissions AS s SET taken_at = now()
FROM api.jobs AS j WHERE s.taken_at IS NULL AND j.job_id = s.job_id;

-- name: mark_deleted
-- Submissions that the orchestrator had, while nobody here looked.
UPDATE gateway.submissions AS s SET taken_at = d.deleted_at
FROM api.deleted_jobs AS d WHERE s.taken_at IS NULL AND d.job_id = s.job_id;

-- name: mark_refused
-- Submissions that the orchestrator put aside: shown as failed from now on.
UPDATE gateway.submissions AS s SET refused_at = r.at, job = s.job::jsonb || jsonb_build_object(
    'state', 'failed', 'finished_at', r.at, 'error_code', r.code, 'error', 'the submission was refused: ' || r.reason
)
FROM api.refused_submissions AS r
WHERE s.taken_at IS NULL AND s.refused_at IS NULL AND r.job_id = s.job_id::text
    AND NOT EXISTS (SELECT FROM api.jobs AS j WHERE j.job_id = s.job_id);

-- name: untaken
-- Submissions whose command should have arrived long ago; each time the next try waits longer.
UPDATE gateway.submissions SET sent_at = now(), sends = sends + 1
WHERE job_id IN (
    SELECT job_id FROM gateway.submissions AS s
    WHERE taken_at IS NULL AND refused_at IS NULL AND sent_at < now() - make_interval(secs => $1 * least(sends, 10))
        AND NOT EXISTS (SELECT FROM api.jobs AS j WHERE j.job_id = s.job_id)
        AND NOT EXISTS (SELECT FROM api.deleted_jobs AS d WHERE d.job_id = s.job_id)
        AND NOT EXISTS (SELECT FROM api.refused_submissions AS r WHERE r.job_id = s.job_id::text)
    LIMIT 200 FOR UPDATE SKIP LOCKED
)
RETURNING command, sends;

-- name: insert_command
-- Remember a cancel or a retry until its effect is seen.
INSERT INTO gateway.commands (message_id, job_id, run, wants_end, command) VALUES ($1, $2, $3, $4, $5);

-- name: forget_done_commands
-- Commands whose job has moved on as they wanted.
DELETE FROM gateway.commands AS c USING api.jobs AS j
WHERE j.job_id = c.job_id AND (j.run > c.run OR (c.wants_end AND j.state IN ('completed', 'failed', 'cancelled')));

-- name: undone_commands
-- Commands without an effect for too long; each time the next try waits longer.
UPDATE gateway.commands SET sent_at = now(), sends = sends + 1
WHERE message_id IN (
    SELECT message_id FROM gateway.commands
    WHERE sent_at < now() - make_interval(secs => $1 * least(sends, 10))
    LIMIT 200 FOR UPDATE SKIP LOCKED
)
RETURNING message_id, command, sends;

-- name: delete_commands
-- Commands that were given before $1: their jobs are gone.
DELETE FROM gateway.commands WHERE message_id IN (
    SELECT message_id FROM gateway.commands WHERE created_at < $1 LIMIT 500
);

-- name: gone
-- Submissions older than $1 whose jobs the orchestrator had and has deleted, or refused: their files are left to delete.
SELECT s.job_id::text FROM gateway.submissions AS s
WHERE s.created_at < $1 AND coalesce(s.taken_at, s.refused_at) IS NOT NULL AND NOT EXISTS (SELECT FROM api.jobs AS j WHERE j.job_id = s.job_id)
LIMIT 200;

-- name: delete_submissions
-- Submissions whose jobs and files are deleted.
DELETE FROM gateway.submissions WHERE job_id = ANY($1::uuid[]);

-- name: delete_keys
-- Idempotency keys that are older than $1.
DELETE FROM gateway.idempotency WHERE (tenant, key) IN (
    SELECT tenant, key FROM gateway.idempotency WHERE created_at < $1 LIMIT 500
);

-- name: named_jobs
-- Jobs by tenant and id, from the orchestrator or, until that has them, as they were submitted; then both may come.
WITH n AS (SELECT DISTINCT * FROM unnest($1::text[], $2::uuid[]) AS n (tenant, job_id))
SELECT j.* FROM n JOIN api.jobs AS j ON j.job_id = n.job_id AND j.tenant = n.tenant
UNION ALL
SELECT w.* FROM n JOIN gateway.submissions AS s ON s.job_id = n.job_id AND s.tenant = n.tenant
CROSS JOIN LATERAL json_populate_record(NULL::api.jobs, s.job) AS w
WHERE s.taken_at IS NULL;

-- name: jobs
-- A page of jobs in states $2, newest first: of each state no more rows than the page can show.
SELECT every.* FROM (
    SELECT j.* FROM unnest($2::text[]) AS wanted (state)
    CROSS JOIN LATERAL (
        SELECT * FROM api.jobs WHERE tenant = $1 AND state = wanted.state
        ORDER BY created_at DESC, job_id LIMIT $3::bigint + $4::bigint
    ) AS j
    UNION ALL
    SELECT w.* FROM gateway.submissions AS s CROSS JOIN LATERAL json_populate_record(NULL::api.jobs, s.job) AS w
    WHERE s.tenant = $1 AND s.taken_at IS NULL AND s.job ->> 'state' = ANY($2::text[])
        AND NOT EXISTS (SELECT FROM api.jobs AS j WHERE j.job_id = s.job_id)
) AS every
ORDER BY created_at DESC, job_id LIMIT $3 OFFSET $4;

-- name: jobs_of_batch
-- The same of batch $5 alone.
SELECT every.* FROM (
    SELECT * FROM api.jobs WHERE tenant = $1 AND batch_id = $5
    UNION ALL
    SELECT w.* FROM gateway.submissions AS s CROSS JOIN LATERAL json_populate_record(NULL::api.jobs, s.job) AS w
    WHERE s.tenant = $1 AND s.taken_at IS NULL AND s.batch_id = $5
        AND NOT EXISTS (SELECT FROM api.jobs AS j WHERE j.job_id = s.job_id)
) AS every
WHERE state = ANY($2::text[])
ORDER BY created_at DESC, job_id LIMIT $3 OFFSET $4;

-- name: count_jobs
-- How many jobs in each of the states $2.
SELECT state, count(*)::int AS jobs FROM (
    SELECT state FROM api.jobs WHERE tenant = $1 AND state = ANY($2::text[])
    UNION ALL
    SELECT s.job ->> 'state' FROM gateway.submissions AS s
    WHERE s.tenant = $1 AND s.taken_at IS NULL AND s.job ->> 'state' = ANY($2::text[])
        AND NOT EXISTS (SELECT FROM api.jobs AS j WHERE j.job_id = s.job_id)
) AS every
GROUP BY state;

-- name: count_jobs_of_batch
-- The same of batch $3 alone.
SELECT state, count(*)::int AS jobs FROM (
    SELECT state FROM api.jobs WHERE tenant = $1 AND batch_id = $3
    UNION ALL
    SELECT s.job ->> 'state' FROM gateway.submissions AS s
    WHERE s.tenant = $1 AND s.taken_at IS NULL AND s.batch_id = $3
        AND NOT EXISTS (SELECT FROM api.jobs AS j WHERE j.job_id = s.job_id)
) AS every
WHERE state = ANY($2::text[])
GROUP BY state;

-- name: average_duration
-- Seconds from start to end of completed jobs, on average; null when there are none.
SELECT avg(extract(epoch FROM finished_at - started_at))::float8 FROM api.jobs
WHERE tenant = $1 AND state = 'completed';

-- name: errors
-- The latest failed jobs.
SELECT job_id, primary_keyword, error, error_code, error_stage, finished_at FROM api.jobs
WHERE tenant = $1 AND state = 'failed' ORDER BY finished_at DESC LIMIT $2;

-- name: error_counts
-- How often jobs failed for each reason.
SELECT coalesce(error_code, 'unknown') AS code, count(*)::int AS jobs FROM api.jobs
WHERE tenant = $1 AND state = 'failed' GROUP BY 1 ORDER BY 2 DESC;

-- name: result
-- A completed job's article.
SELECT result FROM api.results WHERE job_id = $1 AND tenant = $2;

-- name: events
-- Events of several jobs, each after a number; at most $4 of each.
SELECT n.place::int, e.seq, e.type, e.body
FROM unnest($1::text[], $2::uuid[], $3::int[]) WITH ORDINALITY AS n (tenant, job_id, after, place)
CROSS JOIN LATERAL (
    SELECT seq, type, body FROM api.events AS e
    WHERE e.job_id = n.job_id AND e.tenant = n.tenant AND e.seq > n.after ORDER BY e.seq LIMIT $4
) AS e
ORDER BY n.place, e.seq;

-- name: deliveries
-- A job's webhooks.
SELECT * FROM api.deliveries WHERE job_id = $1 AND tenant = $2 ORDER BY seq LIMIT 1000;

-- name: delivery_attempts
-- The attempts at them, the latest of very many.
SELECT * FROM (
    SELECT * FROM api.delivery_attempts WHERE job_id = $1 AND tenant = $2 ORDER BY started_at DESC LIMIT 2000
) AS latest
ORDER BY seq, number;
