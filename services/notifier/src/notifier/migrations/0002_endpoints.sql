-- Endpoints that fail, pause or are disabled; those that work have no row. An endpoint is an address of a tenant.

CREATE FUNCTION notifier.endpoint_of(tenant text, url text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT md5(tenant || E'\n' || url) $$;

CREATE TABLE notifier.endpoints (
    endpoint text PRIMARY KEY,  -- notifier.endpoint_of its tenant and url
    tenant text NOT NULL,
    url text NOT NULL,
    failures integer NOT NULL DEFAULT 0,  -- in a row
    failing_since timestamptz,
    trips integer NOT NULL DEFAULT 0,     -- how often the breaker opened in a row
    opened_at timestamptz,                -- attempts that began before then open it no further
    open_until timestamptz,               -- nothing is sent before then, and then one webhook to probe
    disabled_at timestamptz,
    disabled_reason text,
    changed_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX endpoints_open ON notifier.endpoints (open_until) WHERE open_until IS NOT NULL;

ALTER TABLE notifier.deliveries
    ADD COLUMN throttles integer NOT NULL DEFAULT 0, -- attempts that do not count: the receiver asked for a pause
    DROP CONSTRAINT deliveries_status_check,
    ADD CONSTRAINT deliveries_status_check
    CHECK (status IN ('pending', 'delivered', 'exhausted', 'held', 'discarded')) NOT VALID;

CREATE VIEW api.deliveries AS
SELECT
    d.job_id,
    d.tenant,
    d.seq,
    d.event,
    d.url,
    d.status,
    d.attempts,
    d.last_reason,
    CASE WHEN d.status = 'pending' THEN d.next_attempt_at END AS next_attempt_at,
    d.created_at,
    d.delivered_at,
    e.disabled_reason AS endpoint_disabled,
    e.open_until AS endpoint_paused_until
FROM notifier.deliveries AS d
LEFT JOIN notifier.endpoints AS e ON e.endpoint = notifier.endpoint_of(d.tenant, d.url);

CREATE VIEW api.delivery_attempts AS
SELECT d.job_id, d.tenant, d.seq, a.number, a.started_at, a.duration_seconds, a.status_code, a.reason
FROM notifier.deliveries AS d JOIN notifier.attempts AS a ON a.delivery_id = d.id;
