-- Who may use the API. A key is known by its hash alone; a revoked one stays, so that its use can be explained.

CREATE TABLE gateway.api_keys (
    key_id text PRIMARY KEY,
    tenant text NOT NULL,
    name text NOT NULL,
    sha256 text NOT NULL,
    scopes text[] NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    revoked_at timestamptz,
    last_used_at timestamptz -- by the hour
);
