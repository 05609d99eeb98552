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
-- `verdict` says what came of it, written by the batch that claimed it, and `mapping` which table
-- and version read it (of a refused one, all that were asked); nothing where none did.
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
    mapping text NOT NULL DEFAULT '',
    PRIMARY KEY (provider, account, event_key)
);
CREATE INDEX event_payment ON event (reference, account, provider);
CREATE INDEX event_correlation ON event (correlation_id);
-- What a key has proven, and since when: asked when the key leaked.
CREATE INDEX event_proof ON event (source, key_id, received_ms);

-- A payment's current word. `version` counts its transitions and is what is compared and set.
-- `changed_ms` is when it entered its state. Version 0 keeps facts without a state: `Parked` is a payment
-- that nobody announced, `Deposit` a transfer that names none; no transition and no notice tells of them.
CREATE TABLE payment (
    provider text COLLATE "C" NOT NULL,
    account text COLLATE "C" NOT NULL,
    reference text COLLATE "C" NOT NULL,
    state text COLLATE "C" NOT NULL,
    version bigint NOT NULL CHECK (version >= 0),
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
    untold boolean NOT NULL DEFAULT false,
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
    untold boolean NOT NULL DEFAULT false,
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
-- Refunds on their way: asked for again and again, whether one has arrived.
CREATE INDEX fact_refund ON fact (provider, account, reference)
    WHERE kind = 'refund' AND detail = 'pending';
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

-- What an announcement says of a payment beside its price: where its money will come, and under which
-- memo. Deposits are matched by it.
CREATE TABLE expectation (
    provider text COLLATE "C" NOT NULL,
    account text COLLATE "C" NOT NULL,
    reference text COLLATE "C" NOT NULL,
    address text COLLATE "C" NOT NULL,
    memo text COLLATE "C" NOT NULL,
    event_provider text COLLATE "C" NOT NULL,
    event_account text COLLATE "C" NOT NULL,
    event_key text COLLATE "C" NOT NULL,
    at_ms bigint NOT NULL,
    PRIMARY KEY (event_provider, event_account, event_key)
);
CREATE INDEX expectation_address ON expectation (address) WHERE address <> '';
CREATE INDEX expectation_memo ON expectation (memo) WHERE memo <> '';
CREATE TRIGGER expectation_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON expectation
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- What a transfer that names no payment says beside its amount, as first told. Its facts are rows of
-- `fact` under the same key, and a row of `payment` of version 0 keeps them together.
CREATE TABLE deposit (
    provider text COLLATE "C" NOT NULL,
    account text COLLATE "C" NOT NULL,
    reference text COLLATE "C" NOT NULL,
    network text NOT NULL,
    tx text COLLATE "C" NOT NULL,
    address_to text COLLATE "C" NOT NULL,
    address_from text COLLATE "C" NOT NULL,
    memo text COLLATE "C" NOT NULL,
    named text COLLATE "C" NOT NULL,
    event_provider text COLLATE "C" NOT NULL,
    event_account text COLLATE "C" NOT NULL,
    event_key text COLLATE "C" NOT NULL,
    at_ms bigint NOT NULL,
    PRIMARY KEY (provider, account, reference)
);
CREATE INDEX deposit_age ON deposit (at_ms);
CREATE INDEX deposit_from ON deposit (address_from) WHERE address_from <> '';
CREATE TRIGGER deposit_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON deposit
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- What was decided about deposits, the last word of each counts: appended to, never changed. Where it
-- is `Matched` the deposit's facts are the payment's.
CREATE TABLE deposit_move (
    provider text COLLATE "C" NOT NULL,
    account text COLLATE "C" NOT NULL,
    reference text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    state text COLLATE "C" NOT NULL,
    payment_provider text COLLATE "C",
    payment_account text COLLATE "C",
    payment_reference text COLLATE "C",
    detail text NOT NULL,
    event_provider text COLLATE "C" NOT NULL,
    event_account text COLLATE "C" NOT NULL,
    event_key text COLLATE "C" NOT NULL,
    at_ms bigint NOT NULL,
    PRIMARY KEY (provider, account, reference, version)
);
CREATE INDEX deposit_move_payment
    ON deposit_move (payment_reference, payment_account, payment_provider)
    WHERE payment_reference IS NOT NULL;
CREATE TRIGGER deposit_move_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON deposit_move
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- The events of deposits: one may tell of many, and its own reference then names none of them.
CREATE INDEX fact_deposit ON fact (event_provider, event_account, event_key)
    WHERE substr(reference, 1, 8) = 'deposit:';
CREATE INDEX restatement_deposit ON restatement (event_provider, event_account, event_key)
    WHERE substr(reference, 1, 8) = 'deposit:';

-- What providers answered about payments when they were asked: appended to, never changed. Of the
-- answer itself only the digest is kept; what it stated are facts of the event it became, if it did.
CREATE TABLE provider_read (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    provider text COLLATE "C" NOT NULL,
    account text COLLATE "C" NOT NULL,
    reference text COLLATE "C" NOT NULL,
    why text NOT NULL,
    at_ms bigint NOT NULL,
    word text NOT NULL,
    comparison text NOT NULL,
    is_held boolean NOT NULL,
    mapping text NOT NULL,
    request_id text NOT NULL,
    body_digest text NOT NULL,
    event_provider text COLLATE "C",
    event_account text COLLATE "C",
    event_key text COLLATE "C"
);
CREATE INDEX provider_read_payment ON provider_read (reference, account, provider, id);
CREATE INDEX provider_read_at ON provider_read (provider, account, at_ms);
CREATE TRIGGER provider_read_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON provider_read
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Words on the freeze of the environment: appended to, never changed. The last one counts.
CREATE TABLE freeze_word (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    is_on boolean NOT NULL,
    reason text NOT NULL,
    done_by text NOT NULL,
    role text NOT NULL,
    approved_by text NOT NULL,
    at_ms bigint NOT NULL
);
CREATE TRIGGER freeze_word_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON freeze_word
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Every time an event was read again: under which mapping, what came of it before and since, and by
-- which replay (the key of the `operator_action`). Appended to; `number` counts from 1.
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

-- What an event stated by an older reading and does not state by its last: a row of `fact` or of
-- `restatement`, by the digest that identifies it there. Of the rows about one, the one of the highest
-- `reading` of the event counts; where it says `is_retracted` the fact does not stand by that row.
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
