-- Roles for Sealgate's database. Run once by its owner, after the first worker has made the tables
-- (or again after an upgrade: every line may be run twice):
--   psql -v ON_ERROR_STOP=1 -f deploy/postgres/roles.sql sealgate
--
-- sealgate_owner makes the tables and migrates them; nobody is it from day to day.
-- sealgate_app   is what workers, relays, timers, monitors and operators' commands are. It appends;
--                what was appended it can neither change nor take away.
-- sealgate_audit reads, for `sealgate audit verify`, reports and whoever only looks.
-- Give them to the users that connect:  GRANT sealgate_app TO worker_1;
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['sealgate_app', 'sealgate_audit'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', name);
        END IF;
        EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA public FROM %I', name);
        EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA public TO %I', name);
    END LOOP;
END $$;

-- Appended to, and never changed. No role here may DELETE or TRUNCATE anything at all.
GRANT INSERT ON
    meta, position, event, payment, fact, restatement, transition, mark, anomaly,
    anomaly_evidence, operator_action, provider_read, freeze_word, notice, dead_letter, reading,
    retraction, expectation, deposit, deposit_move, audit
TO sealgate_app;

-- What moves on, column by column: an event's verdict with the mapping it came by and nothing
-- else of it, a notice's delivery.
GRANT UPDATE ON position TO sealgate_app;
GRANT UPDATE (verdict, mapping) ON event TO sealgate_app;
GRANT UPDATE (state, version, changed_ms) ON payment TO sealgate_app;
GRANT UPDATE (delivered) ON notice TO sealgate_app;
GRANT UPDATE ON anomaly TO sealgate_app;
