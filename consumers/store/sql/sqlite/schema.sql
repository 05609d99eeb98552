-- The store's schema in SQLite, as the migrations beside this file leave it: for reading, never
-- run by the program (tests/conformance/test_migrations.py holds the two together). The columns and
-- their order are the same in both dialects.

-- What the database says of itself: `environment`, the one that owns it.
CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- How far a group has read a partition. The truth, committed with the effects; the log's own
-- committed offsets are advisory. `epoch` is the fence: whoever claims the partition raises it.
-- `next_offset` is NULL until the group has read something.
CREATE TABLE position (
    group_name TEXT NOT NULL,
    topic TEXT NOT NULL,
    partition INTEGER NOT NULL,
    epoch INTEGER NOT NULL CHECK (epoch > 0),
    owner TEXT NOT NULL,
    next_offset INTEGER,
    PRIMARY KEY (group_name, topic, partition)
) STRICT, WITHOUT ROWID;

-- The row that makes an event happen once, for ever: nothing is ever deleted from here.
-- `verdict` says what came of it, written by the batch that claimed it, and `mapping` which table
-- and version read it (of a refused one, all that were asked); nothing where none did.
CREATE TABLE event (
    provider TEXT NOT NULL,
    account TEXT NOT NULL,
    event_key TEXT NOT NULL,
    event_type TEXT NOT NULL,
    source TEXT NOT NULL,
    reference TEXT NOT NULL,
    key_id TEXT NOT NULL,
    assurance TEXT NOT NULL,
    correlation_id TEXT NOT NULL,
    body_digest TEXT NOT NULL,
    received_ms INTEGER NOT NULL,
    topic TEXT NOT NULL,
    partition INTEGER NOT NULL,
    record_offset INTEGER NOT NULL,
    verdict TEXT,
    scheme TEXT NOT NULL DEFAULT '',
    mode TEXT NOT NULL DEFAULT 'unknown',
    signed_ms INTEGER,
    late_ms INTEGER,
    mapping TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (provider, account, event_key)
) STRICT;
CREATE INDEX event_payment ON event (reference, account, provider);
CREATE INDEX event_correlation ON event (correlation_id);
-- What a key has proven, and since when: asked when the key leaked.
CREATE INDEX event_proof ON event (source, key_id, received_ms);

-- A payment's current word. `version` counts its transitions and is what is compared and set.
-- `changed_ms` is when it entered its state. Version 0 keeps facts without a state: `Parked` is a payment
-- that nobody announced, `Deposit` a transfer that names none; no transition and no notice tells of them.
CREATE TABLE payment (
    provider TEXT NOT NULL,
    account TEXT NOT NULL,
    reference TEXT NOT NULL,
    state TEXT NOT NULL,
    version INTEGER NOT NULL CHECK (version >= 0),
    created_ms INTEGER NOT NULL,
    changed_ms INTEGER NOT NULL,
    PRIMARY KEY (provider, account, reference)
) STRICT;
CREATE INDEX payment_changed ON payment (changed_ms);
CREATE INDEX payment_state ON payment (state, changed_ms, provider);

-- What verified events stated: a set, so that a second event stating the same adds nothing and
-- the first stays named. `statement` is the SHA-256 of what is said: NULLs and long texts make poor
-- keys. Amounts are whole units of any size.
CREATE TABLE fact (
    provider TEXT NOT NULL,
    account TEXT NOT NULL,
    reference TEXT NOT NULL,
    statement BLOB NOT NULL,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    asset TEXT NOT NULL,
    amount TEXT,
    whole INTEGER NOT NULL,
    late INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    expires_ms INTEGER,
    event_provider TEXT NOT NULL,
    event_account TEXT NOT NULL,
    event_key TEXT NOT NULL,
    detail TEXT NOT NULL DEFAULT '',
    untold INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (provider, account, reference, statement)
) STRICT;
-- A person may hold the hash of a transaction. Totals of a whole payment are no transfers.
CREATE INDEX fact_transfer ON fact (key) WHERE key <> '' AND substr(key, 1, 4) <> 'agg:';
-- Refunds on their way: asked for again and again, whether one has arrived.
CREATE INDEX fact_refund ON fact (provider, account, reference)
    WHERE kind = 'refund' AND detail = 'pending';
CREATE TRIGGER fact_kept BEFORE UPDATE ON fact
BEGIN SELECT RAISE(ABORT, 'facts are never changed: state another'); END;
CREATE TRIGGER fact_kept_whole BEFORE DELETE ON fact
BEGIN SELECT RAISE(ABORT, 'facts are never changed: state another'); END;

-- What further events stated that added nothing to the facts: read only where an event is void, and
-- when somebody asks what corroborates a fact. `statement` is the SHA-256 of what is said and of the
-- event that says it.
CREATE TABLE restatement (
    provider TEXT NOT NULL,
    account TEXT NOT NULL,
    reference TEXT NOT NULL,
    statement BLOB NOT NULL,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    asset TEXT NOT NULL,
    amount TEXT,
    whole INTEGER NOT NULL,
    late INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    expires_ms INTEGER,
    event_provider TEXT NOT NULL,
    event_account TEXT NOT NULL,
    event_key TEXT NOT NULL,
    detail TEXT NOT NULL DEFAULT '',
    untold INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (provider, account, reference, statement)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER restatement_kept BEFORE UPDATE ON restatement
BEGIN SELECT RAISE(ABORT, 'facts are never changed: state another'); END;
CREATE TRIGGER restatement_kept_whole BEFORE DELETE ON restatement
BEGIN SELECT RAISE(ABORT, 'facts are never changed: state another'); END;

-- Operators' words on events: appended to, never changed. Of several the last one counts; the facts of
-- an event marked `void` do not.
CREATE TABLE mark (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    event_provider TEXT NOT NULL,
    event_account TEXT NOT NULL,
    event_key TEXT NOT NULL,
    judgement TEXT NOT NULL,
    reason TEXT NOT NULL,
    marked_by TEXT NOT NULL,
    at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX mark_event ON mark (event_provider, event_account, event_key, id);
CREATE TRIGGER mark_kept BEFORE UPDATE ON mark
BEGIN SELECT RAISE(ABORT, 'a mark is never changed: append another'); END;
CREATE TRIGGER mark_kept_whole BEFORE DELETE ON mark
BEGIN SELECT RAISE(ABORT, 'a mark is never changed: append another'); END;

-- A payment's history: appended to, never changed. `cause` says whether an event moved it, or an
-- operator's mark on one.
CREATE TABLE transition (
    provider TEXT NOT NULL,
    account TEXT NOT NULL,
    reference TEXT NOT NULL,
    version INTEGER NOT NULL,
    before TEXT,
    after TEXT NOT NULL,
    event_provider TEXT NOT NULL,
    event_account TEXT NOT NULL,
    event_key TEXT NOT NULL,
    correlation_id TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    cause TEXT NOT NULL DEFAULT 'event',
    mapping TEXT NOT NULL DEFAULT '',
    policy TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (provider, account, reference, version)
) STRICT;
CREATE TRIGGER transition_kept BEFORE UPDATE ON transition
BEGIN SELECT RAISE(ABORT, 'history is never changed: append to it'); END;
CREATE TRIGGER transition_kept_whole BEFORE DELETE ON transition
BEGIN SELECT RAISE(ABORT, 'history is never changed: append to it'); END;

-- Exceptions for a human: one open item per code and subject, whose repeats are counted.
-- Closed items stay, with their resolution: `status` says whether people or facts closed them.
-- `version` counts what people did to the item, `reopened` the items of its code and subject before
-- it; `risk_asset` and `risk_amount` are the money it is about, where that is known.
CREATE TABLE anomaly (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    code TEXT NOT NULL,
    subject TEXT NOT NULL,
    severity INTEGER NOT NULL,
    evidence TEXT NOT NULL,
    event_provider TEXT,
    event_account TEXT,
    event_key TEXT,
    first_ms INTEGER NOT NULL,
    last_ms INTEGER NOT NULL,
    times INTEGER NOT NULL,
    resolution TEXT,
    closed_ms INTEGER,
    status TEXT NOT NULL DEFAULT 'open',
    assignee TEXT NOT NULL DEFAULT '',
    next_check_ms INTEGER,
    risk_asset TEXT,
    risk_amount TEXT,
    reopened INTEGER NOT NULL DEFAULT 0,
    version INTEGER NOT NULL DEFAULT 0,
    resolution_code TEXT NOT NULL DEFAULT '',
    resolved_by TEXT NOT NULL DEFAULT '',
    approved_by TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE UNIQUE INDEX anomaly_open ON anomaly (code, subject) WHERE closed_ms IS NULL;
CREATE INDEX anomaly_subject ON anomaly (subject, code);
CREATE INDEX anomaly_closed ON anomaly (closed_ms, id) WHERE closed_ms IS NOT NULL;

-- What was told of an item after it was raised and was not known: the first evidence stays as it
-- was, in the item.
CREATE TABLE anomaly_evidence (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    anomaly_id INTEGER NOT NULL,
    evidence TEXT NOT NULL,
    event_provider TEXT,
    event_account TEXT,
    event_key TEXT,
    at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX anomaly_evidence_item ON anomaly_evidence (anomaly_id, id);
CREATE TRIGGER anomaly_evidence_kept BEFORE UPDATE ON anomaly_evidence
BEGIN SELECT RAISE(ABORT, 'evidence is never changed: it is appended to'); END;
CREATE TRIGGER anomaly_evidence_kept_whole BEFORE DELETE ON anomaly_evidence
BEGIN SELECT RAISE(ABORT, 'evidence is never changed: it is appended to'); END;

-- What people did to payments and to exceptions: appended to, never changed. `key` is the
-- idempotency key, that of the event which the action was claimed as.
CREATE TABLE operator_action (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    provider TEXT,
    account TEXT,
    reference TEXT,
    anomaly_id INTEGER,
    done_by TEXT NOT NULL,
    role TEXT NOT NULL,
    approved_by TEXT NOT NULL,
    reason TEXT NOT NULL,
    note TEXT NOT NULL,
    detail TEXT NOT NULL,
    at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX operator_action_payment ON operator_action (reference, account, provider, id);
CREATE INDEX operator_action_item ON operator_action (anomaly_id, id);
CREATE TRIGGER operator_action_kept BEFORE UPDATE ON operator_action
BEGIN SELECT RAISE(ABORT, 'an action is never changed: take another'); END;
CREATE TRIGGER operator_action_kept_whole BEFORE DELETE ON operator_action
BEGIN SELECT RAISE(ABORT, 'an action is never changed: take another'); END;

-- The outbox: written with the transition, sent by the relay in the order of `sequence`. The
-- relay takes what is not delivered, never what is "after the last one": of two transactions the one
-- with the lower number may commit later.
CREATE TABLE notice (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    provider TEXT NOT NULL,
    account TEXT NOT NULL,
    reference TEXT NOT NULL,
    version INTEGER NOT NULL,
    key BLOB NOT NULL,
    value BLOB NOT NULL,
    headers TEXT NOT NULL,
    delivered INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX notice_pending ON notice (sequence) WHERE delivered = 0;

-- Records given up on, kept whole. `headers` is JSON pairs in order, one character per byte.
CREATE TABLE dead_letter (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    topic TEXT NOT NULL,
    partition INTEGER NOT NULL,
    record_offset INTEGER NOT NULL,
    reason TEXT NOT NULL,
    key BLOB NOT NULL,
    value BLOB NOT NULL,
    headers TEXT NOT NULL,
    at_ms INTEGER NOT NULL
) STRICT;

-- What every transaction decided, as bytes; `hash` is SHA-256 of the hash before and the bytes.
-- One chain for each partition a group reads, and one for what people and timers do.
CREATE TABLE audit (
    chain TEXT NOT NULL,
    seq INTEGER NOT NULL CHECK (seq >= 0),
    at_ms INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    hash BLOB NOT NULL,
    PRIMARY KEY (chain, seq)
) STRICT;
CREATE TRIGGER audit_kept BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the chain is never changed: append to it'); END;
CREATE TRIGGER audit_kept_whole BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the chain is never changed: append to it'); END;

-- What an announcement says of a payment beside its price: where its money will come, and under which
-- memo. Deposits are matched by it.
CREATE TABLE expectation (
    provider TEXT NOT NULL,
    account TEXT NOT NULL,
    reference TEXT NOT NULL,
    address TEXT NOT NULL,
    memo TEXT NOT NULL,
    event_provider TEXT NOT NULL,
    event_account TEXT NOT NULL,
    event_key TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (event_provider, event_account, event_key)
) STRICT;
CREATE INDEX expectation_address ON expectation (address) WHERE address <> '';
CREATE INDEX expectation_memo ON expectation (memo) WHERE memo <> '';
CREATE TRIGGER expectation_kept BEFORE UPDATE ON expectation
BEGIN SELECT RAISE(ABORT, 'an expectation is never changed: announce again'); END;
CREATE TRIGGER expectation_kept_whole BEFORE DELETE ON expectation
BEGIN SELECT RAISE(ABORT, 'an expectation is never changed: announce again'); END;

-- What a transfer that names no payment says beside its amount, as first told. Its facts are rows of
-- `fact` under the same key, and a row of `payment` of version 0 keeps them together.
CREATE TABLE deposit (
    provider TEXT NOT NULL,
    account TEXT NOT NULL,
    reference TEXT NOT NULL,
    network TEXT NOT NULL,
    tx TEXT NOT NULL,
    address_to TEXT NOT NULL,
    address_from TEXT NOT NULL,
    memo TEXT NOT NULL,
    named TEXT NOT NULL,
    event_provider TEXT NOT NULL,
    event_account TEXT NOT NULL,
    event_key TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (provider, account, reference)
) STRICT;
CREATE INDEX deposit_age ON deposit (at_ms);
CREATE INDEX deposit_from ON deposit (address_from) WHERE address_from <> '';
CREATE TRIGGER deposit_kept BEFORE UPDATE ON deposit
BEGIN SELECT RAISE(ABORT, 'a deposit is never changed: facts are stated of it'); END;
CREATE TRIGGER deposit_kept_whole BEFORE DELETE ON deposit
BEGIN SELECT RAISE(ABORT, 'a deposit is never changed: facts are stated of it'); END;

-- What was decided about deposits, the last word of each counts: appended to, never changed. Where it
-- is `Matched` the deposit's facts are the payment's.
CREATE TABLE deposit_move (
    provider TEXT NOT NULL,
    account TEXT NOT NULL,
    reference TEXT NOT NULL,
    version INTEGER NOT NULL,
    state TEXT NOT NULL,
    payment_provider TEXT,
    payment_account TEXT,
    payment_reference TEXT,
    detail TEXT NOT NULL,
    event_provider TEXT NOT NULL,
    event_account TEXT NOT NULL,
    event_key TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (provider, account, reference, version)
) STRICT;
CREATE INDEX deposit_move_payment
    ON deposit_move (payment_reference, payment_account, payment_provider)
    WHERE payment_reference IS NOT NULL;
CREATE TRIGGER deposit_move_kept BEFORE UPDATE ON deposit_move
BEGIN SELECT RAISE(ABORT, 'what was decided is never changed: decide again'); END;
CREATE TRIGGER deposit_move_kept_whole BEFORE DELETE ON deposit_move
BEGIN SELECT RAISE(ABORT, 'what was decided is never changed: decide again'); END;

-- The events of deposits: one may tell of many, and its own reference then names none of them.
CREATE INDEX fact_deposit ON fact (event_provider, event_account, event_key)
    WHERE substr(reference, 1, 8) = 'deposit:';
CREATE INDEX restatement_deposit ON restatement (event_provider, event_account, event_key)
    WHERE substr(reference, 1, 8) = 'deposit:';

-- What providers answered about payments when they were asked: appended to, never changed. Of the
-- answer itself only the digest is kept; what it stated are facts of the event it became, if it did.
CREATE TABLE provider_read (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    provider TEXT NOT NULL,
    account TEXT NOT NULL,
    reference TEXT NOT NULL,
    why TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    word TEXT NOT NULL,
    comparison TEXT NOT NULL,
    is_held INTEGER NOT NULL,
    mapping TEXT NOT NULL,
    request_id TEXT NOT NULL,
    body_digest TEXT NOT NULL,
    event_provider TEXT,
    event_account TEXT,
    event_key TEXT
) STRICT;
CREATE INDEX provider_read_payment ON provider_read (reference, account, provider, id);
CREATE INDEX provider_read_at ON provider_read (provider, account, at_ms);
CREATE TRIGGER provider_read_kept BEFORE UPDATE ON provider_read
BEGIN SELECT RAISE(ABORT, 'a read is never changed: read again'); END;
CREATE TRIGGER provider_read_kept_whole BEFORE DELETE ON provider_read
BEGIN SELECT RAISE(ABORT, 'a read is never changed: read again'); END;

-- Words on the freeze of the environment: appended to, never changed. The last one counts.
CREATE TABLE freeze_word (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    is_on INTEGER NOT NULL,
    reason TEXT NOT NULL,
    done_by TEXT NOT NULL,
    role TEXT NOT NULL,
    approved_by TEXT NOT NULL,
    at_ms INTEGER NOT NULL
) STRICT;
CREATE TRIGGER freeze_word_kept BEFORE UPDATE ON freeze_word
BEGIN SELECT RAISE(ABORT, 'a word on the freeze is never changed: say another'); END;
CREATE TRIGGER freeze_word_kept_whole BEFORE DELETE ON freeze_word
BEGIN SELECT RAISE(ABORT, 'a word on the freeze is never changed: say another'); END;

-- Every time an event was read again: under which mapping, what came of it before and since, and by
-- which replay (the key of the `operator_action`). Appended to; `number` counts from 1.
CREATE TABLE reading (
    event_provider TEXT NOT NULL,
    event_account TEXT NOT NULL,
    event_key TEXT NOT NULL,
    number INTEGER NOT NULL CHECK (number > 0),
    mapping TEXT NOT NULL,
    before TEXT NOT NULL,
    verdict TEXT NOT NULL,
    replay TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (event_provider, event_account, event_key, number)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER reading_kept BEFORE UPDATE ON reading
BEGIN SELECT RAISE(ABORT, 'a reading is never changed: read again'); END;
CREATE TRIGGER reading_kept_whole BEFORE DELETE ON reading
BEGIN SELECT RAISE(ABORT, 'a reading is never changed: read again'); END;

-- What an event stated by an older reading and does not state by its last: a row of `fact` or of
-- `restatement`, by the digest that identifies it there. Of the rows about one, the one of the highest
-- `reading` of the event counts; where it says `is_retracted` the fact does not stand by that row.
CREATE TABLE retraction (
    provider TEXT NOT NULL,
    account TEXT NOT NULL,
    reference TEXT NOT NULL,
    statement BLOB NOT NULL,
    event_provider TEXT NOT NULL,
    event_account TEXT NOT NULL,
    event_key TEXT NOT NULL,
    reading INTEGER NOT NULL CHECK (reading > 0),
    is_retracted INTEGER NOT NULL,
    PRIMARY KEY (provider, account, reference, statement, reading)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER retraction_kept BEFORE UPDATE ON retraction
BEGIN SELECT RAISE(ABORT, 'a reading is never changed: read again'); END;
CREATE TRIGGER retraction_kept_whole BEFORE DELETE ON retraction
BEGIN SELECT RAISE(ABORT, 'a reading is never changed: read again'); END;
