-- Instant: two empty tables.
CREATE TABLE reading (
    event_provider text COLLATE "C" NOT NULL,
    event_account text COLLATE "C" NOT NULL,
    event_key text COLLATE "C" NOT NULL,
    number bigint NOT NULL CHECK (number > 0),
    mapping text NOT NULL,
    before text NOT NULL,
    verdict text NOT NULL,
    replay text NOT NULL,
    at_ms bigint NOT NULL,
    PRIMARY KEY (event_provider, event_account, event_key, number)
);
CREATE TRIGGER reading_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON reading
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE retraction (
    provider text COLLATE "C" NOT NULL,
    account text COLLATE "C" NOT NULL,
    reference text COLLATE "C" NOT NULL,
    statement bytea NOT NULL,
    event_provider text COLLATE "C" NOT NULL,
    event_account text COLLATE "C" NOT NULL,
    event_key text COLLATE "C" NOT NULL,
    reading bigint NOT NULL CHECK (reading > 0),
    is_retracted boolean NOT NULL,
    PRIMARY KEY (provider, account, reference, statement, reading)
);
CREATE TRIGGER retraction_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON retraction
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
