-- Webhooks to deliver, and every attempt at them. The notifier owns this schema.

CREATE TABLE notifier.deliveries (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job_id uuid NOT NULL,
    tenant text NOT NULL,
    seq integer NOT NULL,
    event text NOT NULL,
    url text NOT NULL,
    host text NOT NULL,     -- of the url, with port: what sending is bounded by
    body bytea NOT NULL,    -- the same bytes in every attempt
    status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'delivered', 'exhausted', 'discarded')),
    attempts integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL,
    claimed_until timestamptz, -- a sender is at it until then; after a crash, another takes it
    last_reason text,
    created_at timestamptz NOT NULL DEFAULT now(),
    delivered_at timestamptz,
    UNIQUE (job_id, seq)
);
CREATE INDEX deliveries_due ON notifier.deliveries (next_attempt_at) WHERE status = 'pending';
CREATE INDEX deliveries_ended ON notifier.deliveries (created_at) WHERE status <> 'pending';

CREATE TABLE notifier.attempts (
    delivery_id bigint NOT NULL REFERENCES notifier.deliveries ON DELETE CASCADE,
    number integer NOT NULL,
    started_at timestamptz NOT NULL,
    duration_seconds double precision NOT NULL,
    status_code integer,
    reason text NOT NULL,
    PRIMARY KEY (delivery_id, number)
);
