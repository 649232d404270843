-- transaction: none
-- Jobs that want more webhooks than the ends: what the notifier compares its deliveries with.

DROP INDEX CONCURRENTLY IF EXISTS jobs.jobs_callback_events;
CREATE INDEX CONCURRENTLY jobs_callback_events ON jobs.jobs (finished_at) WHERE callback_events IS NOT NULL;
