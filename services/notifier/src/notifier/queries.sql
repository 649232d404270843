-- name: job
-- Where a job's webhook goes and what the job produced; no row when nobody asked for one.
SELECT j.callback_url, r.result
FROM api.jobs AS j LEFT JOIN api.results AS r ON r.job_id = j.job_id
WHERE j.job_id = $1 AND j.callback_url IS NOT NULL;

-- name: insert_delivery
-- Note a webhook, once for each event; gives no row when it was noted before.
INSERT INTO notifier.deliveries (job_id, tenant, seq, event, url, host, body, next_attempt_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, now() + $8 * interval '1 second')
ON CONFLICT (job_id, seq) DO NOTHING
RETURNING id;

-- name: missed_events
-- Terminal events that came between $1 and $2 seconds ago, of jobs that want a webhook, and have no delivery. A job that
-- failed and was retried has several: each end is told, whatever the job does now.
SELECT e.body
FROM api.events AS e JOIN api.jobs AS j USING (job_id)
WHERE e.type IN ('completed', 'failed', 'cancelled')
    AND e.at > now() - $1 * interval '1 second'
    AND e.at < now() - $2 * interval '1 second'
    AND j.callback_url IS NOT NULL
    AND NOT EXISTS (SELECT FROM notifier.deliveries AS d WHERE d.job_id = e.job_id AND d.seq = e.seq)
ORDER BY e.at
LIMIT 100;

-- name: candidates
-- The $2 longest due deliveries that nobody is at, except those to hosts $1.
SELECT id, host
FROM notifier.deliveries
WHERE status = 'pending'
    AND next_attempt_at <= now()
    AND (claimed_until IS NULL OR claimed_until < now())
    AND host <> ALL($1::text[])
ORDER BY next_attempt_at
LIMIT $2;

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
RETURNING d.id, d.job_id::text, d.tenant, d.seq, d.event, d.url, d.host, d.body, d.attempts, d.claimed_until;

-- name: seconds_until_due
-- When the next delivery falls due that nobody is at, except those to hosts $1.
SELECT extract(epoch FROM next_attempt_at - now())::double precision
FROM notifier.deliveries
WHERE status = 'pending' AND claimed_until IS NULL AND host <> ALL($1::text[])
ORDER BY next_attempt_at
LIMIT 1;

-- name: record
-- Note an attempt at delivery $1 and what follows, if our claim $2 still holds; gives its number.
WITH settled AS (
    UPDATE notifier.deliveries
    SET
        status = $3,
        attempts = attempts + 1,
        next_attempt_at = now() + $4 * interval '1 second',
        claimed_until = NULL,
        last_reason = $5,
        delivered_at = CASE WHEN $3 = 'delivered' THEN now() END
    WHERE id = $1 AND claimed_until = $2 AND status = 'pending'
    RETURNING id, attempts
)
INSERT INTO notifier.attempts (delivery_id, number, started_at, duration_seconds, status_code, reason)
SELECT id, attempts, $6, $7, $8, $5 FROM settled
RETURNING number;

-- name: release
-- Give back deliveries $1, each if its claim of $2 still holds.
UPDATE notifier.deliveries AS d
SET claimed_until = NULL
FROM unnest($1::bigint[], $2::timestamptz[]) AS ours (id, claimed_until)
WHERE d.id = ours.id AND d.claimed_until = ours.claimed_until;

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
