-- What the gateway has accepted. A submission is accepted when this row and its command in the outbox are committed.

CREATE TABLE gateway.submissions (
    job_id uuid PRIMARY KEY,
    tenant text NOT NULL,
    batch_id text,
    created_at timestamptz NOT NULL,
    job json NOT NULL,       -- contracts.views.JobRow, shown until the orchestrator has the job
    command bytea NOT NULL,  -- contracts.commands.SubmitJob
    sent_at timestamptz NOT NULL DEFAULT now(),
    sends integer NOT NULL DEFAULT 1,
    taken_at timestamptz     -- when the orchestrator was seen to have the job
);
CREATE INDEX submissions_waiting ON gateway.submissions (tenant, created_at DESC) WHERE taken_at IS NULL;
CREATE INDEX submissions_created ON gateway.submissions (created_at);

CREATE TABLE gateway.idempotency (
    tenant text NOT NULL,
    key text NOT NULL,
    request_sha256 text NOT NULL,
    answer json NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, key)
);
CREATE INDEX idempotency_created ON gateway.idempotency (created_at);

CREATE TABLE gateway.outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subject text NOT NULL,
    msg_id text NOT NULL,
    headers jsonb NOT NULL DEFAULT '{}',
    payload bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
