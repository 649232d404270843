-- The pipeline that a job was made for, and how many stages that has. Jobs of older releases, and those that one makes
-- during a deploy, have the defaults.

ALTER TABLE jobs.jobs
    ADD COLUMN pipeline_version integer NOT NULL DEFAULT 1,
    ADD COLUMN total_stages integer NOT NULL DEFAULT 13;

CREATE OR REPLACE VIEW api.jobs AS
SELECT
    job_id,
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
    total_stages,
    progress_percent,
    quality_score,
    error,
    error_code,
    error_stage,
    eta_at,
    seq AS last_seq
FROM jobs.jobs;
