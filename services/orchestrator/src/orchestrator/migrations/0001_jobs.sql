-- Jobs and everything they produce. The orchestrator owns this schema; others read the views in schema api.

CREATE TABLE jobs.jobs (
    job_id uuid PRIMARY KEY,
    tenant text NOT NULL,
    batch_id text,
    state text NOT NULL,
    priority smallint NOT NULL,
    primary_keyword text NOT NULL,
    company_url text NOT NULL,
    language text NOT NULL,
    country text NOT NULL,
    callback_url text,
    created_at timestamptz NOT NULL,
    queued_at timestamptz NOT NULL,
    started_at timestamptz,
    finished_at timestamptz,
    deadline_at timestamptz,
    wake_at timestamptz,
    eta_at timestamptz,
    run integer NOT NULL,
    round integer NOT NULL,
    seq integer NOT NULL,
    current_stage text,
    stages_completed integer NOT NULL,
    progress_percent integer NOT NULL,
    quality_score double precision,
    error text,
    error_code text,
    error_stage text,
    doc json NOT NULL,     -- orchestrator.job.Job: what the machine decides by
    request json NOT NULL  -- contracts.jobs.ArticleRequest, as it came
);
CREATE INDEX jobs_pending ON jobs.jobs (tenant, priority, queued_at) WHERE state = 'pending';
CREATE INDEX jobs_running ON jobs.jobs (tenant) WHERE state = 'running';
CREATE INDEX jobs_wake ON jobs.jobs (wake_at) WHERE wake_at IS NOT NULL;
CREATE INDEX jobs_finished ON jobs.jobs (finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX jobs_newest ON jobs.jobs (tenant, created_at DESC, job_id);
CREATE INDEX jobs_batch ON jobs.jobs (tenant, batch_id) WHERE batch_id IS NOT NULL;

CREATE TABLE jobs.stage_runs (
    job_id uuid NOT NULL REFERENCES jobs.jobs ON DELETE CASCADE,
    stage text NOT NULL,
    run integer NOT NULL,
    round integer NOT NULL,
    attempt integer NOT NULL,
    status text NOT NULL,
    started_at timestamptz NOT NULL,
    finished_at timestamptz,
    worker text,
    error_code text,
    error text,
    PRIMARY KEY (job_id, stage, run, round, attempt)
);
CREATE INDEX stage_runs_done ON jobs.stage_runs (stage, finished_at DESC) WHERE status = 'done';
CREATE INDEX stage_runs_running ON jobs.stage_runs (started_at) WHERE status = 'running';

CREATE TABLE jobs.stage_outputs (
    job_id uuid NOT NULL REFERENCES jobs.jobs ON DELETE CASCADE,
    stage text NOT NULL,
    round integer NOT NULL,
    payload bytea NOT NULL,  -- contracts.payloads.Payload as JSON
    PRIMARY KEY (job_id, stage, round)
);

CREATE TABLE jobs.results (
    job_id uuid PRIMARY KEY REFERENCES jobs.jobs ON DELETE CASCADE,
    tenant text NOT NULL,
    slug text NOT NULL,
    headline text NOT NULL,
    primary_keyword text NOT NULL,
    result json NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE INDEX results_newest ON jobs.results (tenant, created_at DESC);

CREATE TABLE jobs.events (
    job_id uuid NOT NULL REFERENCES jobs.jobs ON DELETE CASCADE,
    seq integer NOT NULL,
    type text NOT NULL,
    at timestamptz NOT NULL,
    body json NOT NULL,
    PRIMARY KEY (job_id, seq)
);

CREATE TABLE jobs.outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subject text NOT NULL,
    msg_id text NOT NULL,
    headers jsonb NOT NULL DEFAULT '{}',
    payload bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE jobs.stage_durations (
    stage text PRIMARY KEY,
    median_seconds double precision NOT NULL,
    p90_seconds double precision NOT NULL,
    samples integer NOT NULL,
    computed_at timestamptz NOT NULL DEFAULT now()
);

CREATE SCHEMA IF NOT EXISTS api;

CREATE VIEW api.jobs AS
SELECT
    job_id::text,
    tenant,
    batch_id,
    state,
    priority::integer,
    primary_keyword,
    company_url,
    language,
    country,
    callback_url,
    created_at,
    started_at,
    finished_at,
    deadline_at,
    run,
    round,
    current_stage,
    stages_completed,
    13 AS total_stages,
    progress_percent,
    quality_score,
    error,
    error_code,
    error_stage,
    eta_at,
    seq AS last_seq
FROM jobs.jobs;

CREATE VIEW api.results AS
SELECT job_id::text, tenant, result::text, created_at FROM jobs.results;

CREATE VIEW api.events AS
SELECT e.job_id::text, j.tenant, e.seq, e.type, e.at, e.body::text
FROM jobs.events AS e JOIN jobs.jobs AS j USING (job_id);

CREATE VIEW api.stage_runs AS
SELECT
    r.job_id::text,
    j.tenant,
    r.stage,
    r.run,
    r.round,
    r.attempt,
    r.status,
    r.started_at,
    r.finished_at,
    extract(epoch FROM r.finished_at - r.started_at)::double precision AS duration_seconds,
    r.worker,
    r.error_code,
    r.error
FROM jobs.stage_runs AS r JOIN jobs.jobs AS j USING (job_id);
