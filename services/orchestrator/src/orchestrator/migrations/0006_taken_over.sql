-- What became of submissions that are no jobs any more, or never were: whoever submitted them does not send them again.

CREATE TABLE jobs.deleted_jobs (
    job_id uuid PRIMARY KEY,
    deleted_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX deleted_jobs_by_age ON jobs.deleted_jobs (deleted_at);

CREATE VIEW api.deleted_jobs AS SELECT job_id, deleted_at FROM jobs.deleted_jobs;

CREATE VIEW api.refused_submissions AS
SELECT DISTINCT ON (split_part(subject, '.', 4)) split_part(subject, '.', 4) AS job_id, code, reason, at
FROM jobs.dead_letters
WHERE stream = 'BLOG_COMMANDS' AND split_part(subject, '.', 3) = 'submit' AND redriven_at IS NULL
ORDER BY split_part(subject, '.', 4), id DESC;
