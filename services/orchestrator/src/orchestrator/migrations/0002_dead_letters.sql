-- Messages that nobody could process, with the reason; a person may look at them and send them again.

CREATE TABLE jobs.dead_letters (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message_id text NOT NULL UNIQUE,
    stream text NOT NULL,
    subject text NOT NULL,
    code text NOT NULL,
    reason text NOT NULL,
    payload bytea NOT NULL,
    truncated boolean NOT NULL,
    headers jsonb NOT NULL,
    deliveries integer NOT NULL,
    service text NOT NULL,
    at timestamptz NOT NULL,
    redriven_at timestamptz
);
CREATE INDEX dead_letters_waiting ON jobs.dead_letters (at) WHERE redriven_at IS NULL;
