-- SQLite has no way to change a CHECK: the table is written anew, some seconds for a million payments.
ALTER TABLE payment RENAME TO payment_before;
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
INSERT INTO payment SELECT * FROM payment_before;
DROP TABLE payment_before;
CREATE INDEX payment_changed ON payment (changed_ms);
CREATE INDEX payment_state ON payment (state, changed_ms, provider);

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

CREATE INDEX fact_deposit ON fact (event_provider, event_account, event_key)
    WHERE substr(reference, 1, 8) = 'deposit:';
CREATE INDEX restatement_deposit ON restatement (event_provider, event_account, event_key)
    WHERE substr(reference, 1, 8) = 'deposit:';
