-- name: jobs
-- Where webhooks of the jobs $1 go, which events they tell, and what the job produced; no row for those that want none.
SELECT c.job_id, c.url, c.events, c.payload, r.result
FROM api.callbacks AS c LEFT JOIN api.results AS r ON r.job_id = c.job_id
WHERE c.job_id = ANY($1::uuid[]);

-- name: wishes
-- Those of the jobs $1 that want more than their ends told.
SELECT job_id, url, events, payload
FROM api.callbacks
WHERE job_id = ANY($1::uuid[]) AND events IS NOT NULL;

-- name: insert_deliveries
-- Note webhooks, one for each event, unless it was noted before; held for a disabled endpoint. In one order, since two
-- notifiers may have the same ones and would else wait for each other.
INSERT INTO notifier.deliveries (job_id, seq, tenant, event, url, host, body, next_attempt_at, status)
SELECT
    n.*,
    now() + $1 * interval '1 second',
    CASE WHEN EXISTS (
        SELECT FROM notifier.endpoints AS e
        WHERE e.endpoint = notifier.endpoint_of(n.tenant, n.url) AND e.disabled_at IS NOT NULL
    ) THEN 'held' ELSE 'pending' END
FROM unnest($2::uuid[], $3::int[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bytea[])
    AS n (job_id, seq, tenant, event, url, host, body)
ORDER BY n.job_id, n.seq
ON CONFLICT (job_id, seq) DO NOTHING;

-- name: missed_events
-- Events that came between $1 and $2 seconds ago, of jobs that want them told, and have no delivery. A job that failed
-- and was retried has several ends: each is told, whatever the job does now. The second half reads only jobs that want more.
SELECT body FROM (
    SELECT e.body, e.at
    FROM api.events AS e JOIN api.callbacks AS c USING (job_id)
    WHERE e.type IN ('completed', 'failed', 'cancelled')
        AND (c.events IS NULL OR e.type = ANY(string_to_array(c.events, ',')))
        AND e.at > now() - $1 * interval '1 second'
        AND e.at < now() - $2 * interval '1 second'
        AND NOT EXISTS (SELECT FROM notifier.deliveries AS d WHERE d.job_id = e.job_id AND d.seq = e.seq)
    UNION ALL
    SELECT e.body, e.at
    FROM api.callbacks AS c JOIN api.events AS e USING (job_id)
    WHERE c.events IS NOT NULL
        AND (c.finished_at IS NULL OR c.finished_at > now() - $1 * interval '1 second')
        AND e.type NOT IN ('completed', 'failed', 'cancelled')
        AND e.type = ANY(string_to_array(c.events, ','))
        AND e.at < now() - $2 * interval '1 second'
        AND NOT EXISTS (SELECT FROM notifier.deliveries AS d WHERE d.job_id = e.job_id AND d.seq = e.seq)
) AS missed
ORDER BY at
LIMIT 100;

-- name: candidates
-- The $3 longest due deliveries that nobody is at, except those to hosts $1, to endpoints $2 and where a breaker is open.
SELECT d.id, k.endpoint, d.host, e.open_until IS NOT NULL AS probe
FROM notifier.deliveries AS d
CROSS JOIN LATERAL (SELECT notifier.endpoint_of(d.tenant, d.url) AS endpoint) AS k
LEFT JOIN notifier.endpoints AS e ON e.endpoint = k.endpoint
WHERE d.status = 'pending'
    AND d.next_attempt_at <= now()
    AND (d.claimed_until IS NULL OR d.claimed_until < now())
    AND d.host <> ALL($1::text[])
    AND k.endpoint <> ALL($2::text[])
    AND (e.open_until IS NULL OR e.open_until <= now())
ORDER BY d.next_attempt_at
LIMIT $3;

-- name: begin_probes
-- Of the endpoints $1, whose breakers are half open, those that this sender probes: the others wait for $2 seconds.
UPDATE notifier.endpoints SET open_until = clock_timestamp() + $2 * interval '1 second'
WHERE endpoint = ANY($1::text[]) AND open_until <= now()
RETURNING endpoint;

-- name: claim
-- Take deliveries $1 for $2 seconds, except those that another sender takes at this moment.
UPDATE notifier.deliveries AS d
SET claimed_until = clock_timestamp() + $2 * interval '1 second'
FROM (
    SELECT id
    FROM notifier.deliveries
    WHERE id = ANY($1::bigint[])
        AND status = 'pending'
        AND next_attempt_at <= now()
        AND (claimed_until IS NULL OR claimed_until < now())
    FOR UPDATE SKIP LOCKED
) AS free
WHERE d.id = free.id
RETURNING d.id, d.job_id::text, d.tenant, d.seq, d.event, d.url, notifier.endpoint_of(d.tenant, d.url) AS endpoint,
    d.host, d.body, d.attempts, d.throttles, d.claimed_until;

-- name: seconds_until_due
-- When the next delivery falls due that nobody is at, except those to hosts $1 and to endpoints $2, or a breaker half opens.
SELECT least(
    (
        SELECT extract(epoch FROM d.next_attempt_at - now())::double precision
        FROM notifier.deliveries AS d
        CROSS JOIN LATERAL (SELECT notifier.endpoint_of(d.tenant, d.url) AS endpoint) AS k
        LEFT JOIN notifier.endpoints AS e ON e.endpoint = k.endpoint
        WHERE d.status = 'pending' AND d.claimed_until IS NULL AND d.host <> ALL($1::text[])
            AND k.endpoint <> ALL($2::text[]) AND (e.open_until IS NULL OR e.open_until <= now())
        ORDER BY d.next_attempt_at
        LIMIT 1
    ),
    (SELECT extract(epoch FROM min(open_until) - now())::double precision FROM notifier.endpoints WHERE open_until > now())
);

-- name: lock_endpoint
-- What is known of an endpoint, for this transaction alone; made when nothing is.
INSERT INTO notifier.endpoints (endpoint, tenant, url) VALUES (notifier.endpoint_of($1, $2), $1, $2)
ON CONFLICT (endpoint) DO UPDATE SET changed_at = now()
RETURNING failures, failing_since, trips, opened_at, open_until, disabled_at, disabled_reason;

-- name: save_endpoint
-- What is known of an endpoint by now.
UPDATE notifier.endpoints SET
    failures = $2, failing_since = $3, trips = $4, opened_at = $5, open_until = $6, disabled_at = $7,
    disabled_reason = $8, changed_at = now()
WHERE endpoint = $1;

-- name: hold
-- Hold what waits for an endpoint that has been disabled, except what is on its way.
UPDATE notifier.deliveries SET status = 'held'
WHERE id IN (
    SELECT id FROM notifier.deliveries
    WHERE notifier.endpoint_of(tenant, url) = $1 AND status = 'pending' AND claimed_until IS NULL
    FOR UPDATE SKIP LOCKED
);

-- name: release_held
-- Send what was held for endpoints that are not disabled any more, a few at a time; counted anew.
UPDATE notifier.deliveries SET status = 'pending', next_attempt_at = now(), throttles = attempts
WHERE id IN (
    SELECT d.id FROM notifier.deliveries AS d
    WHERE d.status = 'held' AND NOT EXISTS (
        SELECT FROM notifier.endpoints AS e
        WHERE e.endpoint = notifier.endpoint_of(d.tenant, d.url) AND e.disabled_at IS NOT NULL
    )
    ORDER BY d.created_at LIMIT 500
    FOR UPDATE SKIP LOCKED
);

-- name: record
-- Note an attempt at delivery $1 and what follows, if our claim $2 still holds. A success makes the endpoint's failures
-- forgotten; gives whether it was disabled.
WITH settled AS (
    UPDATE notifier.deliveries
    SET
        status = $3,
        attempts = attempts + 1,
        throttles = throttles + $9::int,
        next_attempt_at = now() + $4 * interval '1 second',
        claimed_until = NULL,
        last_reason = $5,
        delivered_at = CASE WHEN $3 = 'delivered' THEN now() END
    WHERE id = $1 AND claimed_until = $2 AND status = 'pending'
    RETURNING id, attempts
), healed AS (
    DELETE FROM notifier.endpoints
    WHERE endpoint = $10 AND $3 = 'delivered' AND EXISTS (SELECT FROM settled)
    RETURNING disabled_at IS NOT NULL AS disabled
)
INSERT INTO notifier.attempts (delivery_id, number, started_at, duration_seconds, status_code, reason)
SELECT id, attempts, $6, $7, $8, $5 FROM settled
RETURNING coalesce((SELECT disabled FROM healed), false) AS healed;

-- name: heal
-- Forget an endpoint's failures: a test was taken. Gives whether it was disabled.
DELETE FROM notifier.endpoints WHERE endpoint = notifier.endpoint_of($1, $2) RETURNING disabled_at IS NOT NULL;

-- name: release
-- Give back deliveries $1, each if its claim of $2 still holds.
UPDATE notifier.deliveries AS d
SET claimed_until = NULL
FROM unnest($1::bigint[], $2::timestamptz[]) AS ours (id, claimed_until)
WHERE d.id = ours.id AND d.claimed_until = ours.claimed_until;

-- name: replay
-- Send webhooks of a job again, counted anew: those that were not delivered, or the one of event $3. What is on its way stays.
UPDATE notifier.deliveries
SET status = 'pending', next_attempt_at = now(), throttles = attempts, delivered_at = NULL
WHERE job_id = $1 AND tenant = $2 AND claimed_until IS NULL
    AND CASE WHEN $3::int IS NULL THEN status <> 'delivered' ELSE seq = $3 END
RETURNING notifier.endpoint_of(tenant, url) AS endpoint;

-- name: close_breakers
-- Let endpoints be tried at once: somebody says that they work again.
UPDATE notifier.endpoints SET open_until = NULL WHERE endpoint = ANY($1::text[]);

-- name: delete_ended
-- Forget ended deliveries older than $1 days, a few at a time.
DELETE FROM notifier.deliveries
WHERE id IN (
    SELECT id
    FROM notifier.deliveries
    WHERE status <> 'pending' AND created_at < now() - $1 * interval '1 day'
    ORDER BY created_at
    LIMIT 500
);

-- name: delete_endpoints
-- Forget endpoints of which nothing was heard for $1 days and for which nothing waits.
DELETE FROM notifier.endpoints AS e
WHERE e.changed_at < now() - $1 * interval '1 day' AND NOT EXISTS (
    SELECT FROM notifier.deliveries AS d
    WHERE notifier.endpoint_of(d.tenant, d.url) = e.endpoint AND d.status IN ('pending', 'held')
);
