-- Ends of jobs by their time: what the notifier compares its deliveries with.

CREATE INDEX events_ends ON jobs.events (at) WHERE type IN ('completed', 'failed', 'cancelled');
