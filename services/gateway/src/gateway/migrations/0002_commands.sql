-- Cancels and retries whose effect has not been seen. The broker may lose a message that it confirmed; this row sends
-- it again until the job has moved on.

CREATE TABLE gateway.commands (
    message_id text PRIMARY KEY,
    job_id uuid NOT NULL,
    run integer NOT NULL,     -- of the job when the client asked; a later run means that the command is history
    wants_end boolean NOT NULL, -- done when the job has ended (cancel), else only when a later run has begun (retry)
    command bytea NOT NULL,   -- contracts.commands.CancelJob or RetryJob
    created_at timestamptz NOT NULL DEFAULT now(),
    sent_at timestamptz NOT NULL DEFAULT now(),
    sends integer NOT NULL DEFAULT 1
);
