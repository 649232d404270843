-- name: key_exists
-- Whether there is any key, revoked ones included: from the first one on, nobody comes in without.
SELECT EXISTS (SELECT FROM gateway.api_keys);

-- name: live_key_exists
-- Whether there is a key that opens.
SELECT EXISTS (SELECT FROM gateway.api_keys WHERE revoked_at IS NULL AND coalesce(expires_at > now(), true));

-- name: keys
-- Keys by their identifiers.
SELECT key_id, tenant, name, sha256, scopes, created_at, expires_at, revoked_at, last_used_at
FROM gateway.api_keys WHERE key_id = ANY($1::text[]);

-- name: all_keys
-- Every key, of tenant $1 alone if that is given.
SELECT key_id, tenant, name, sha256, scopes, created_at, expires_at, revoked_at, last_used_at
FROM gateway.api_keys WHERE tenant = coalesce($1::text, tenant) ORDER BY tenant, created_at, key_id;

-- name: insert_key
-- Keep a new key.
INSERT INTO gateway.api_keys (key_id, tenant, name, sha256, scopes, expires_at)
VALUES ($1, $2, $3, $4, $5, now() + make_interval(secs => $6::float8));

-- name: revoke_key
-- End a key; one that was ended before stays as it is.
UPDATE gateway.api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE key_id = $1 RETURNING tenant;

-- name: delete_key
-- Forget a key that opens no more.
DELETE FROM gateway.api_keys WHERE key_id = $1 AND (revoked_at IS NOT NULL OR expires_at <= now()) RETURNING tenant;

-- name: note_used
-- Remember the hour in which keys were used.
UPDATE gateway.api_keys SET last_used_at = date_trunc('hour', now())
WHERE key_id = ANY($1::text[]) AND coalesce(last_used_at < date_trunc('hour', now()), true);
