-- Submissions that the orchestrator put aside: their jobs have failed before they began.

ALTER TABLE gateway.submissions ADD COLUMN refused_at timestamptz;
