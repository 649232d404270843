-- transaction: none
-- Reading the feed from a point.

DROP INDEX CONCURRENTLY IF EXISTS jobs.events_feed;
CREATE INDEX CONCURRENTLY events_feed ON jobs.events (position, job_id, seq) WHERE position IS NOT NULL;
