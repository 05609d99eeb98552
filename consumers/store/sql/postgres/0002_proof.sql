-- Adding the columns is instant; building the index reads all events, about 4 s for each million,
-- and this transaction keeps workers and readers from the table meanwhile: start it in a quiet hour.
-- They wait and try again, edges go on accepting. Broken off at any place it has done nothing.
ALTER TABLE event ADD COLUMN scheme text NOT NULL DEFAULT '';
ALTER TABLE event ADD COLUMN mode text NOT NULL DEFAULT 'unknown';
ALTER TABLE event ADD COLUMN signed_ms bigint;
ALTER TABLE event ADD COLUMN late_ms bigint;
CREATE INDEX event_proof ON event (source, key_id, received_ms);

ALTER TABLE transition ADD COLUMN cause text NOT NULL DEFAULT 'event';

CREATE TABLE restatement (
    provider text COLLATE "C" NOT NULL,
    account text COLLATE "C" NOT NULL,
    reference text COLLATE "C" NOT NULL,
    statement bytea NOT NULL,
    kind text NOT NULL,
    key text NOT NULL,
    asset text NOT NULL,
    amount numeric(78, 0),
    whole boolean NOT NULL,
    late boolean NOT NULL,
    at_ms bigint NOT NULL,
    expires_ms bigint,
    event_provider text NOT NULL,
    event_account text NOT NULL,
    event_key text NOT NULL,
    PRIMARY KEY (provider, account, reference, statement)
);
CREATE TRIGGER restatement_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON restatement
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE mark (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_provider text COLLATE "C" NOT NULL,
    event_account text COLLATE "C" NOT NULL,
    event_key text COLLATE "C" NOT NULL,
    judgement text NOT NULL,
    reason text NOT NULL,
    marked_by text NOT NULL,
    at_ms bigint NOT NULL
);
CREATE INDEX mark_event ON mark (event_provider, event_account, event_key, id);
CREATE TRIGGER mark_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON mark
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
