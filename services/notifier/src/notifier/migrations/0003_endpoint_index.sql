-- transaction: none
-- What waits for an endpoint, and what is held for one that is disabled.

DROP INDEX CONCURRENTLY IF EXISTS notifier.deliveries_waiting;
CREATE INDEX CONCURRENTLY deliveries_waiting ON notifier.deliveries (notifier.endpoint_of(tenant, url))
WHERE status IN ('pending', 'held');
