CREATE TABLE meta (
    name text COLLATE "C" PRIMARY KEY,
    value text NOT NULL
);

CREATE TABLE position (
    group_name text COLLATE "C" NOT NULL,
    topic text COLLATE "C" NOT NULL,
    partition integer NOT NULL,
    epoch bigint NOT NULL CHECK (epoch > 0),
    owner text NOT NULL,
    next_offset bigint,
    PRIMARY KEY (group_name, topic, partition)
) WITH (fillfactor = 50);

CREATE TABLE event (
    provider text COLLATE "C" NOT NULL,
    account text COLLATE "C" NOT NULL,
    event_key text COLLATE "C" NOT NULL,
    event_type text NOT NULL,
    source text NOT NULL,
    reference text COLLATE "C" NOT NULL,
    key_id text NOT NULL,
    assurance text NOT NULL,
    correlation_id text COLLATE "C" NOT NULL,
    body_digest text NOT NULL,
    received_ms bigint NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    record_offset bigint NOT NULL,
    verdict text,
    PRIMARY KEY (provider, account, event_key)
);
CREATE INDEX event_payment ON event (reference, account, provider);
CREATE INDEX event_correlation ON event (correlation_id);

CREATE TABLE payment (
    provider text COLLATE "C" NOT NULL,
    account text COLLATE "C" NOT NULL,
    reference text COLLATE "C" NOT NULL,
    state text COLLATE "C" NOT NULL,
    version bigint NOT NULL CHECK (version > 0),
    created_ms bigint NOT NULL,
    changed_ms bigint NOT NULL,
    PRIMARY KEY (provider, account, reference)
) WITH (fillfactor = 80);
CREATE INDEX payment_changed ON payment (changed_ms);
CREATE INDEX payment_state ON payment (state, changed_ms, provider);

CREATE TABLE fact (
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

CREATE TABLE transition (
    provider text COLLATE "C" NOT NULL,
    account text COLLATE "C" NOT NULL,
    reference text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    before text,
    after text NOT NULL,
    event_provider text NOT NULL,
    event_account text NOT NULL,
    event_key text NOT NULL,
    correlation_id text NOT NULL,
    at_ms bigint NOT NULL,
    PRIMARY KEY (provider, account, reference, version)
);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '% is never changed: append to it', TG_TABLE_NAME; END $$;
CREATE TRIGGER fact_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON fact
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER transition_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON transition
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE anomaly (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code text COLLATE "C" NOT NULL,
    subject text COLLATE "C" NOT NULL,
    severity integer NOT NULL,
    evidence text NOT NULL,
    event_provider text,
    event_account text,
    event_key text,
    first_ms bigint NOT NULL,
    last_ms bigint NOT NULL,
    times bigint NOT NULL,
    resolution text,
    closed_ms bigint
);
CREATE UNIQUE INDEX anomaly_open ON anomaly (code, subject) WHERE closed_ms IS NULL;

CREATE TABLE notice (
    sequence bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text COLLATE "C" NOT NULL UNIQUE,
    provider text COLLATE "C" NOT NULL,
    account text COLLATE "C" NOT NULL,
    reference text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    key bytea NOT NULL,
    value bytea NOT NULL,
    headers text NOT NULL,
    delivered boolean NOT NULL DEFAULT false
);
CREATE INDEX notice_pending ON notice (sequence) WHERE NOT delivered;

CREATE TABLE dead_letter (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic text COLLATE "C" NOT NULL,
    partition integer NOT NULL,
    record_offset bigint NOT NULL,
    reason text NOT NULL,
    key bytea NOT NULL,
    value bytea NOT NULL,
    headers text NOT NULL,
    at_ms bigint NOT NULL
);
