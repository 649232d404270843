-- What jobs cost: a row for each paid call, written as an intent before it is made and completed with its outcome; and
-- for each job its limit and the sum of its calls. Jobs that pay for nothing have no rows here.

CREATE TABLE jobs.paid_calls (
    number bigint GENERATED ALWAYS AS IDENTITY,
    job_id uuid NOT NULL REFERENCES jobs.jobs ON DELETE CASCADE,
    call_id text NOT NULL,
    stage text NOT NULL,
    run integer NOT NULL,
    round integer NOT NULL,
    attempt integer NOT NULL,
    kind text NOT NULL,
    key text NOT NULL,
    name text NOT NULL,
    provider text NOT NULL,
    state text NOT NULL,            -- open, done or refused
    reserved_micros bigint,         -- USD / 1,000,000; null: its price is not set
    cost_micros bigint,
    input_tokens bigint NOT NULL DEFAULT 0,
    output_tokens bigint NOT NULL DEFAULT 0,
    opened_at timestamptz NOT NULL,
    settled_at timestamptz,
    PRIMARY KEY (job_id, call_id)
);

CREATE TABLE jobs.spending (
    job_id uuid PRIMARY KEY REFERENCES jobs.jobs ON DELETE CASCADE,
    max_cost_usd double precision,
    settled_micros bigint NOT NULL DEFAULT 0,
    open_micros bigint NOT NULL DEFAULT 0,
    usage json                      -- contracts.usage.Usage
);

CREATE OR REPLACE VIEW api.jobs AS
SELECT
    j.job_id,
    j.tenant,
    j.batch_id,
    j.state,
    j.priority::integer,
    j.primary_keyword,
    j.company_url,
    j.language,
    j.country,
    j.callback_url,
    j.created_at,
    j.started_at,
    j.finished_at,
    j.deadline_at,
    j.run,
    j.round,
    j.current_stage,
    j.stages_completed,
    j.total_stages,
    j.progress_percent,
    j.quality_score,
    j.error,
    j.error_code,
    j.error_stage,
    j.eta_at,
    j.seq AS last_seq,
    s.max_cost_usd,
    s.usage::text
FROM jobs.jobs AS j LEFT JOIN jobs.spending AS s ON s.job_id = j.job_id;
