-- name: clock
-- The time, as everything is judged by: not that of the transaction's start, which may have waited for locks.
SELECT clock_timestamp();

-- name: lock_submissions
-- Take turns on new jobs, so that two replicas with the same submission do not both write it.
SELECT pg_advisory_xact_lock(hashtextextended(job_id, 0))
FROM (SELECT unnest($1::text[]) AS job_id ORDER BY 1) AS ordered;

-- name: lock_jobs
-- Lock jobs in one order everywhere, so that batches cannot deadlock; the time is taken when all are locked.
WITH locked AS MATERIALIZED (
    SELECT job_id, doc FROM jobs.jobs WHERE job_id = ANY($1::uuid[]) ORDER BY job_id FOR UPDATE
)
SELECT docs, clock_timestamp() AS now FROM (SELECT coalesce(array_agg(doc::text), '{}') AS docs FROM locked) AS whole;

-- name: insert_jobs
-- New jobs in the state that this transaction gives them, with the request and what it says about the article.
INSERT INTO jobs.jobs (
    job_id, state, queued_at, started_at, finished_at, deadline_at, wake_at, eta_at, run, round, seq, current_stage,
    stages_completed, progress_percent, quality_score, error, error_code, error_stage, doc,
    tenant, batch_id, priority, primary_keyword, company_url, language, country, callback_url, created_at, request,
    pipeline_version, total_stages, callback_events
)
SELECT * FROM unnest(
    $1::uuid[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[],
    $7::timestamptz[], $8::timestamptz[], $9::int[], $10::int[], $11::int[], $12::text[], $13::int[], $14::int[],
    $15::float8[], $16::text[], $17::text[], $18::text[], $19::json[],
    $20::text[], $21::text[], $22::int[], $23::text[], $24::text[], $25::text[], $26::text[], $27::text[],
    $28::timestamptz[], $29::json[], $30::int[], $31::int[], $32::text[]
);

-- name: update_jobs
-- The new state of jobs that this transaction has locked.
UPDATE jobs.jobs AS j SET
    state = n.state, queued_at = n.queued_at, started_at = n.started_at, finished_at = n.finished_at,
    deadline_at = n.deadline_at, wake_at = n.wake_at, eta_at = n.eta_at, run = n.run, round = n.round, seq = n.seq,
    current_stage = n.current_stage, stages_completed = n.stages_completed, progress_percent = n.progress_percent,
    quality_score = n.quality_score, error = n.error, error_code = n.error_code, error_stage = n.error_stage,
    doc = n.doc
FROM unnest(
    $1::uuid[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[],
    $7::timestamptz[], $8::timestamptz[], $9::int[], $10::int[], $11::int[], $12::text[], $13::int[], $14::int[],
    $15::float8[], $16::text[], $17::text[], $18::text[], $19::json[]
) AS n (
    job_id, state, queued_at, started_at, finished_at, deadline_at, wake_at, eta_at, run, round, seq, current_stage,
    stages_completed, progress_percent, quality_score, error, error_code, error_stage, doc
)
WHERE j.job_id = n.job_id;

-- name: open_attempts
-- Attempts whose commands go out in this transaction, with their end if it is there already.
INSERT INTO jobs.stage_runs (
    job_id, stage, run, round, attempt, started_at, status, finished_at, worker, error_code, error
)
SELECT * FROM unnest(
    $1::uuid[], $2::text[], $3::int[], $4::int[], $5::int[], $6::timestamptz[], $7::text[], $8::timestamptz[],
    $9::text[], $10::text[], $11::text[]
);

-- name: close_attempts
-- How attempts ended that earlier transactions have opened.
UPDATE jobs.stage_runs AS r SET
    status = n.status, finished_at = n.finished_at, worker = n.worker, error_code = n.error_code, error = n.error
FROM unnest(
    $1::uuid[], $2::text[], $3::int[], $4::int[], $5::int[], $6::text[], $7::timestamptz[], $8::text[], $9::text[],
    $10::text[]
) AS n (job_id, stage, run, round, attempt, status, finished_at, worker, error_code, error)
WHERE r.job_id = n.job_id AND r.stage = n.stage AND r.run = n.run AND r.round = n.round AND r.attempt = n.attempt;

-- name: save_outputs
-- Stage outputs, by the round they belong to; a retried run replaces what it does again.
INSERT INTO jobs.stage_outputs (job_id, stage, round, payload)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::int[], $4::bytea[])
ON CONFLICT (job_id, stage, round) DO UPDATE SET payload = excluded.payload;

-- name: save_results
-- Finished articles.
INSERT INTO jobs.results (job_id, tenant, slug, headline, primary_keyword, result, created_at, fingerprint)
SELECT n.*, coalesce(n.result ->> 'fingerprint', '')
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::json[], $7::timestamptz[])
    AS n (job_id, tenant, slug, headline, primary_keyword, result, created_at)
ON CONFLICT (job_id) DO UPDATE SET
    slug = excluded.slug, headline = excluded.headline, result = excluded.result, created_at = excluded.created_at,
    fingerprint = excluded.fingerprint;

-- name: append_events
-- Public events, in their order.
INSERT INTO jobs.events (job_id, seq, type, at, body)
SELECT * FROM unnest($1::uuid[], $2::int[], $3::text[], $4::timestamptz[], $5::json[]);

-- name: drop_unsent
-- Stage commands of stopped jobs that nobody has published yet.
DELETE FROM jobs.outbox WHERE subject = ANY($1::text[]);

-- name: material
-- What stage commands take in: what clients asked for (it has no stage), outputs, and what jobs have spent.
SELECT job_id::text, '' AS stage, 0 AS round, convert_to(request::text, 'UTF8') AS payload
FROM jobs.jobs WHERE job_id = ANY($1::uuid[])
UNION ALL
SELECT o.job_id::text, o.stage, o.round, o.payload
FROM jobs.stage_outputs AS o
JOIN unnest($2::uuid[], $3::text[], $4::int[]) AS n (job_id, stage, round)
    ON o.job_id = n.job_id AND o.stage = n.stage AND o.round = n.round
UNION ALL
SELECT job_id::text, 'spending', 0, convert_to(json_build_object(
    'max_cost_usd', max_cost_usd, 'settled_micros', settled_micros, 'open_micros', open_micros, 'usage', usage
)::text, 'UTF8')
FROM jobs.spending WHERE job_id = ANY($1::uuid[]);

-- name: earlier_articles
-- The latest $2 articles of each tenant, to compare a new one with.
SELECT known.tenant, latest.slug, latest.headline, latest.primary_keyword, latest.job_id::text, latest.fingerprint
FROM unnest($1::text[]) AS known (tenant)
CROSS JOIN LATERAL (
    SELECT slug, headline, primary_keyword, job_id, fingerprint FROM jobs.results AS r
    WHERE r.tenant = known.tenant ORDER BY created_at DESC LIMIT $2
) AS latest;

-- name: lock_admission
-- One admission at a time, over all replicas.
SELECT pg_advisory_xact_lock(7236830163);

-- name: running_by_tenant
-- How many slots each tenant holds.
SELECT tenant, count(*)::int AS running FROM jobs.jobs WHERE state = 'running' GROUP BY tenant;

-- name: candidates
-- For each tenant and priority the jobs that have waited longest: all that can be picked for $1 slots. Of the
-- pipeline versions $2: others' jobs at the head of the queue must not hold up those behind them.
SELECT c.job_id::text, c.tenant, c.priority, c.queued_at
FROM (SELECT DISTINCT tenant, priority FROM jobs.jobs WHERE state = 'pending') AS lane
CROSS JOIN LATERAL (
    SELECT job_id, tenant, priority, queued_at FROM jobs.jobs
    WHERE state = 'pending' AND tenant = lane.tenant AND priority = lane.priority
        AND pipeline_version = ANY($2::int[])
    ORDER BY queued_at LIMIT $1
) AS c;

-- name: lock_pending
-- Those of the jobs that are still pending, locked in the order of lock_jobs, with what their columns tell.
SELECT
    job_id::text, tenant, batch_id, priority, primary_keyword, created_at, queued_at, started_at, run, seq, doc, request
FROM jobs.jobs WHERE job_id = ANY($1::uuid[]) AND state = 'pending' ORDER BY job_id FOR UPDATE;

-- name: due
-- Running jobs with a deadline or a retry that has come.
SELECT job_id::text FROM jobs.jobs WHERE wake_at <= $1 AND pipeline_version = ANY($2::int[])
ORDER BY wake_at LIMIT 200;

-- name: delete_finished
-- Jobs that ended before $1, a few at a time so that locks stay short; what is left says that there was such a job.
WITH gone AS (
    DELETE FROM jobs.jobs WHERE job_id = ANY(ARRAY(
        SELECT job_id FROM jobs.jobs WHERE finished_at < $1 LIMIT 500 FOR UPDATE SKIP LOCKED
    )) RETURNING job_id
)
INSERT INTO jobs.deleted_jobs (job_id) SELECT job_id FROM gone
ON CONFLICT (job_id) DO UPDATE SET deleted_at = excluded.deleted_at;

-- name: forget_deleted
-- Jobs that were deleted before $1.
DELETE FROM jobs.deleted_jobs WHERE deleted_at < $1;

-- name: record_durations
-- Median and 90th percentile of the latest 200 successful attempts at each of the stages $1.
INSERT INTO jobs.stage_durations (stage, median_seconds, p90_seconds, samples, computed_at)
SELECT
    stage,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds),
    percentile_cont(0.9) WITHIN GROUP (ORDER BY seconds),
    count(*),
    now()
FROM unnest($1::text[]) AS known (stage)
CROSS JOIN LATERAL (
    SELECT extract(epoch FROM finished_at - started_at)::float8 AS seconds FROM jobs.stage_runs AS r
    WHERE r.stage = known.stage AND r.status = 'done' ORDER BY finished_at DESC LIMIT 200
) AS latest
GROUP BY stage
ORDER BY stage -- so that replicas that compute at once lock alike
ON CONFLICT (stage) DO UPDATE SET
    median_seconds = excluded.median_seconds, p90_seconds = excluded.p90_seconds, samples = excluded.samples,
    computed_at = excluded.computed_at;

-- name: durations
-- Recorded medians.
SELECT stage, median_seconds FROM jobs.stage_durations;

-- name: in_flight
-- Attempts that should be in a stream, for long enough that their command must be there.
SELECT r.job_id::text, r.stage, r.run, r.round, r.attempt
FROM jobs.stage_runs AS r JOIN jobs.jobs AS j USING (job_id)
WHERE r.status = 'running' AND j.state = 'running' AND r.started_at < now() - make_interval(secs => $1)
    AND j.pipeline_version = ANY($2::int[])
ORDER BY r.started_at;

-- name: unsent
-- Which of these messages still wait in the outbox.
SELECT msg_id FROM jobs.outbox WHERE msg_id = ANY($1::text[]);

-- name: counts
-- For the gauges: waiting, running, and how long the oldest running job has held its slot (a retried job started earlier).
-- Each state by itself, through its partial index: together they would be looked for among all jobs.
SELECT (SELECT count(*)::int FROM jobs.jobs WHERE state = 'pending') AS pending, r.running, r.oldest
FROM (
    SELECT
        count(*)::int AS running,
        coalesce(max(extract(epoch FROM $1 - (doc ->> 'admitted_at')::timestamptz)), 0)::float8 AS oldest
    FROM jobs.jobs WHERE state = 'running'
) AS r;

-- name: record_dead_letters
-- Put messages aside, each once.
INSERT INTO jobs.dead_letters (
    message_id, stream, subject, code, reason, payload, truncated, headers, deliveries, service, at
)
SELECT * FROM unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bytea[], $7::bool[], $8::jsonb[], $9::int[],
    $10::text[], $11::timestamptz[]
)
ON CONFLICT (message_id) DO NOTHING
RETURNING message_id;

-- name: dead_letters
-- The latest $1 that were put aside.
SELECT id, stream, subject, code, reason, deliveries, service, at, truncated, redriven_at, length(payload) AS size
FROM jobs.dead_letters ORDER BY id DESC LIMIT $1;

-- name: dead_letter
-- One of them, whole.
SELECT * FROM jobs.dead_letters WHERE id = $1;

-- name: mark_redriven
-- Note that one was sent again; no row when it is unknown, truncated, was sent again before, or commands a stage: its
-- job has failed, and a result would not count.
UPDATE jobs.dead_letters SET redriven_at = now()
WHERE id = $1 AND redriven_at IS NULL AND NOT truncated AND stream <> 'BLOG_STAGES'
RETURNING subject, headers, payload;

-- name: count_dead_letters
-- How many wait for a person.
SELECT count(*)::int FROM jobs.dead_letters WHERE redriven_at IS NULL;

-- name: delete_dead_letters
-- Those that are older than $1.
DELETE FROM jobs.dead_letters WHERE at < $1;

-- name: set_limits
-- What jobs may cost from now on.
INSERT INTO jobs.spending (job_id, max_cost_usd) SELECT * FROM unnest($1::uuid[], $2::float8[])
ON CONFLICT (job_id) DO UPDATE SET max_cost_usd = excluded.max_cost_usd;

-- name: lock_existing
-- Those of the jobs that are there, locked in the order of lock_jobs: nobody else writes their ledger meanwhile.
SELECT job_id::text FROM jobs.jobs WHERE job_id = ANY($1::uuid[]) ORDER BY job_id FOR UPDATE;

-- name: record_paid_calls
-- Intents and outcomes of paid calls. An outcome stays; it comes back as new the first time only.
INSERT INTO jobs.paid_calls AS c (
    job_id, call_id, stage, run, round, attempt, kind, key, name, provider, state, reserved_micros, cost_micros,
    input_tokens, output_tokens, opened_at, settled_at
)
SELECT * FROM unnest(
    $1::uuid[], $2::text[], $3::text[], $4::int[], $5::int[], $6::int[], $7::text[], $8::text[], $9::text[],
    $10::text[], $11::text[], $12::bigint[], $13::bigint[], $14::bigint[], $15::bigint[], $16::timestamptz[],
    $17::timestamptz[]
)
ON CONFLICT (job_id, call_id) DO UPDATE SET
    state = excluded.state, cost_micros = excluded.cost_micros, input_tokens = excluded.input_tokens,
    output_tokens = excluded.output_tokens, settled_at = excluded.settled_at
WHERE c.state = 'open' AND excluded.state <> 'open'
RETURNING call_id;

-- name: paid_calls
-- All paid calls of jobs, in the order in which they were begun.
SELECT job_id::text, stage, run, round, attempt, kind, key, name, state, reserved_micros, cost_micros, input_tokens, output_tokens
FROM jobs.paid_calls WHERE job_id = ANY($1::uuid[]) ORDER BY number;

-- name: sum_up
-- What jobs have spent so far.
INSERT INTO jobs.spending (job_id, settled_micros, open_micros, usage)
SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::json[])
ON CONFLICT (job_id) DO UPDATE SET
    settled_micros = excluded.settled_micros, open_micros = excluded.open_micros, usage = excluded.usage;
