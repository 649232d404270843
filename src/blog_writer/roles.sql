-- Database roles: one for each service, with its own schema and the views of the others. Applied after every migration,
-- since tables may have come; a service uses its role whenever its login may (see docs/operations or the README).
-- Two that grant at the same time would find rows of the catalogue changed under their hands.
SELECT pg_advisory_xact_lock(1919904869);

DO $$
DECLARE
    service record;
BEGIN
    FOR service IN SELECT * FROM (VALUES
        ('blog_writer_gateway', 'gateway'), ('blog_writer_orchestrator', 'jobs'), ('blog_writer_notifier', 'notifier')
    ) AS s (role, own)
    LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = service.role) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', service.role);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL; -- another database of this server was migrated at the same time
            END;
        END IF;
        EXECUTE format('GRANT USAGE ON SCHEMA %I, api TO %I', service.own, service.role);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA %I TO %I', service.own, service.role);
        EXECUTE format('REVOKE INSERT, UPDATE, DELETE ON %I.migrations FROM %I', service.own, service.role);
        EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA api TO %I', service.role);
    END LOOP;
END
$$;
