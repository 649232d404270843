-- Which events of a job its webhooks tell: types with commas between, null for the ends alone, as of older releases.

ALTER TABLE jobs.jobs ADD COLUMN callback_events text;

CREATE VIEW api.callbacks AS
SELECT
    job_id,
    tenant,
    callback_url AS url,
    callback_events AS events,
    coalesce(request ->> 'webhook_payload', 'full') AS payload,
    finished_at
FROM jobs.jobs
WHERE callback_url IS NOT NULL;
