-- The check is read over all payments once; the indexes over facts hold those of deposits alone.
ALTER TABLE payment DROP CONSTRAINT payment_version_check;
ALTER TABLE payment ADD CONSTRAINT payment_version_check CHECK (version >= 0);

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

CREATE INDEX fact_deposit ON fact (event_provider, event_account, event_key)
    WHERE substr(reference, 1, 8) = 'deposit:';
CREATE INDEX restatement_deposit ON restatement (event_provider, event_account, event_key)
    WHERE substr(reference, 1, 8) = 'deposit:';
