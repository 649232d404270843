-- The events of a tenant in one order, to read on from any point: position is the transaction that committed an event.
-- A reader takes only events of transactions older than all that still run, so what commits late is never passed over.
-- Events of before this release have no position; their jobs' own histories have them.

ALTER TABLE jobs.events ADD COLUMN position bigint;
ALTER TABLE jobs.events ALTER COLUMN position SET DEFAULT (pg_current_xact_id()::text::bigint);

CREATE VIEW api.feed AS
SELECT j.tenant, e.position, e.job_id, e.seq, e.type, e.body::text
FROM jobs.events AS e JOIN jobs.jobs AS j USING (job_id);
