-- The store's schema in PostgreSQL, as the migrations beside this file leave it: for reading, never
-- run by the program (tests/conformance/test_migrations.py holds the two together). The columns and
-- their order are the same in both dialects.

-- What the database says of itself: `environment`, the one that owns it.
CREATE TABLE meta (
    name text COLLATE "C" PRIMARY KEY,
    value text NOT NULL
);

-- How far a group has read a partition. The truth, committed with the effects; the log's own
-- committed offsets are advisory. `epoch` is the fence: whoever claims the partition raises it.
-- `next_offset` is NULL until the group has read something.
CREATE TABLE position (
    group_name text COLLATE "C" NOT NULL,
    topic text COLLATE "C" NOT NULL,
    partition integer NOT NULL,
    epoch bigint NOT NULL CHECK (epoch > 0),
    owner text NOT NULL,
    next_offset bigint,
    PRIMARY KEY (group_name, topic, partition)
) WITH (fillfactor = 50);

-- The row that makes an event happen once, for ever: nothing is ever deleted from here.
-- `verdict` says what came of it, written by the batch that claimed it.
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
    scheme text NOT NULL DEFAULT '',
    mode text NOT NULL DEFAULT 'unknown',
    signed_ms bigint,
    late_ms bigint,
    PRIMARY KEY (provider, account, event_key)
);
CREATE INDEX event_payment ON event (reference, account, provider);
CREATE INDEX event_correlation ON event (correlation_id);
-- What a key has proven, and since when: asked when the key leaked.
CREATE INDEX event_proof ON event (source, key_id, received_ms);

-- A payment's current word. `version` counts its transitions and is what is compared and set.
-- `changed_ms` is when it entered its state.
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

-- What verified events stated: a set, so that a second event stating the same adds nothing and
-- the first stays named. `statement` is the SHA-256 of what is said: NULLs and long texts make poor
-- keys. Amounts are whole units of any size.
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
    detail text NOT NULL DEFAULT '',
    PRIMARY KEY (provider, account, reference, statement)
);

-- What further events stated that added nothing to the facts: read only where an event is void, and
-- when somebody asks what corroborates a fact. `statement` is the SHA-256 of what is said and of the
-- event that says it.
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
    detail text NOT NULL DEFAULT '',
    PRIMARY KEY (provider, account, reference, statement)
);

-- Operators' words on events: appended to, never changed. Of several the last one counts; the facts of
-- an event marked `void` do not.
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

-- A payment's history: appended to, never changed. `cause` says whether an event moved it, or an
-- operator's mark on one.
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
    cause text NOT NULL DEFAULT 'event',
    mapping text NOT NULL DEFAULT '',
    policy text NOT NULL DEFAULT '',
    PRIMARY KEY (provider, account, reference, version)
);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '% is never changed: append to it', TG_TABLE_NAME; END $$;
-- A person may hold the hash of a transaction. Totals of a whole payment are no transfers.
CREATE INDEX fact_transfer ON fact (key COLLATE "C")
    WHERE key <> '' AND substr(key, 1, 4) <> 'agg:';
CREATE TRIGGER fact_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON fact
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER transition_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON transition
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER restatement_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON restatement
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER mark_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON mark
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Exceptions for a human: one open item per code and subject, whose repeats are counted.
-- Closed items stay, with their resolution: `status` says whether people or facts closed them.
-- `version` counts what people did to the item, `reopened` the items of its code and subject before
-- it; `risk_asset` and `risk_amount` are the money it is about, where that is known.
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
    closed_ms bigint,
    status text COLLATE "C" NOT NULL DEFAULT 'open',
    assignee text NOT NULL DEFAULT '',
    next_check_ms bigint,
    risk_asset text,
    risk_amount numeric(78, 0),
    reopened bigint NOT NULL DEFAULT 0,
    version bigint NOT NULL DEFAULT 0,
    resolution_code text NOT NULL DEFAULT '',
    resolved_by text NOT NULL DEFAULT '',
    approved_by text NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX anomaly_open ON anomaly (code, subject) WHERE closed_ms IS NULL;
CREATE INDEX anomaly_subject ON anomaly (subject, code);
CREATE INDEX anomaly_closed ON anomaly (closed_ms, id) WHERE closed_ms IS NOT NULL;

-- What was told of an item after it was raised and was not known: the first evidence stays as it
-- was, in the item.
CREATE TABLE anomaly_evidence (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    anomaly_id bigint NOT NULL,
    evidence text NOT NULL,
    event_provider text,
    event_account text,
    event_key text,
    at_ms bigint NOT NULL
);
CREATE INDEX anomaly_evidence_item ON anomaly_evidence (anomaly_id, id);
CREATE TRIGGER anomaly_evidence_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON anomaly_evidence
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- What people did to payments and to exceptions: appended to, never changed. `key` is the
-- idempotency key, that of the event which the action was claimed as.
CREATE TABLE operator_action (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key text COLLATE "C" NOT NULL UNIQUE,
    name text NOT NULL,
    provider text COLLATE "C",
    account text COLLATE "C",
    reference text COLLATE "C",
    anomaly_id bigint,
    done_by text NOT NULL,
    role text NOT NULL,
    approved_by text NOT NULL,
    reason text NOT NULL,
    note text NOT NULL,
    detail text NOT NULL,
    at_ms bigint NOT NULL
);
CREATE INDEX operator_action_payment ON operator_action (reference, account, provider, id);
CREATE INDEX operator_action_item ON operator_action (anomaly_id, id);
CREATE TRIGGER operator_action_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON operator_action
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- The outbox: written with the transition, sent by the relay in the order of `sequence`. The
-- relay takes what is not delivered, never what is "after the last one": of two transactions the one
-- with the lower number may commit later.
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

-- Records given up on, kept whole. `headers` is JSON pairs in order, one character per byte.
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

-- What every transaction decided, as bytes; `hash` is SHA-256 of the hash before and the bytes.
-- One chain for each partition a group reads, and one for what people and timers do.
CREATE TABLE audit (
    chain text COLLATE "C" NOT NULL,
    seq bigint NOT NULL CHECK (seq >= 0),
    at_ms bigint NOT NULL,
    bytes bytea NOT NULL,
    hash bytea NOT NULL,
    PRIMARY KEY (chain, seq)
);
-- As it is: to compress it would cost more of the server than all the rest of an entry.
ALTER TABLE audit ALTER COLUMN bytes SET STORAGE EXTERNAL;
CREATE TRIGGER audit_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
