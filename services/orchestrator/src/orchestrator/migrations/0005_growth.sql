-- transaction: none
-- Reads that keep their cost while finished jobs pile up. Pages are read state by state; jobs_newest stays for the
-- release before, and can go with a later one.

DROP INDEX CONCURRENTLY IF EXISTS jobs.jobs_states;
CREATE INDEX CONCURRENTLY jobs_states ON jobs.jobs (tenant, state, created_at DESC, job_id);
DROP INDEX CONCURRENTLY IF EXISTS jobs.jobs_durations;
CREATE INDEX CONCURRENTLY jobs_durations ON jobs.jobs (tenant) INCLUDE (started_at, finished_at)
WHERE state = 'completed';
DROP INDEX CONCURRENTLY IF EXISTS jobs.jobs_failures;
CREATE INDEX CONCURRENTLY jobs_failures ON jobs.jobs (tenant, finished_at DESC) INCLUDE (error_code)
WHERE state = 'failed';
