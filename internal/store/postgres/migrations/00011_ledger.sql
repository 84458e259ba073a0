-- +goose Up

-- Accounts that must not go below zero. All others have no row: their balance is the sum of their entries.
CREATE TABLE accounts (
    tenant_id     text COLLATE "C" NOT NULL,
    account_id    text COLLATE "C" NOT NULL,
    owner         text COLLATE "C" NOT NULL,
    balance_minor bigint NOT NULL CHECK (balance_minor BETWEEN 0 AND 9007199254740991),
    held_minor    bigint NOT NULL CHECK (held_minor BETWEEN 0 AND balance_minor),
    entries       bigint NOT NULL CHECK (entries >= 0),
    version       bigint NOT NULL CHECK (version > 0),
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, account_id)
) WITH (fillfactor = 50);
COMMENT ON TABLE accounts IS 'guarded accounts; available = balance - held';
COMMENT ON COLUMN accounts.entries IS 'number of the latest entry';
CREATE INDEX accounts_by_owner ON accounts (owner, tenant_id, account_id);

CREATE TABLE account_holds (
    tenant_id      text COLLATE "C" NOT NULL,
    hold_id        text COLLATE "C" NOT NULL,
    account_id     text COLLATE "C" NOT NULL,
    amount_minor   bigint NOT NULL CHECK (amount_minor > 0),
    several        boolean NOT NULL,
    expires_at     timestamptz,
    created_at     timestamptz NOT NULL,
    captured_minor bigint NOT NULL CHECK (captured_minor BETWEEN 0 AND amount_minor),
    status         smallint NOT NULL CHECK (status BETWEEN 1 AND 4),
    captures       jsonb CHECK (jsonb_array_length(captures) > 0),
    version        bigint NOT NULL CHECK (version > 0),
    updated_at     timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, hold_id)
) WITH (fillfactor = 50);
COMMENT ON TABLE account_holds IS 'money set aside on accounts';
COMMENT ON COLUMN account_holds.status IS '1 OPEN, 2 CAPTURED, 3 VOIDED, 4 EXPIRED';
COMMENT ON COLUMN account_holds.captures IS '[{"transfer_id": "…", "amount_minor": 1}]';

-- Sums of the entries of an account up to a time, after which the books let none in any more.
CREATE TABLE account_checkpoints (
    tenant_id     text COLLATE "C" NOT NULL,
    account_id    text COLLATE "C" NOT NULL,
    closed_at     timestamptz NOT NULL,
    balance_minor bigint NOT NULL,
    entries       bigint NOT NULL CHECK (entries > 0),
    PRIMARY KEY (tenant_id, account_id, closed_at)
);
COMMENT ON TABLE account_checkpoints IS 'sums of entries booked at or before a time, of accounts without a row';

CREATE TABLE ledger_books (
    one       boolean PRIMARY KEY DEFAULT true CHECK (one),
    closed_at timestamptz NOT NULL
) WITH (fillfactor = 50);
COMMENT ON TABLE ledger_books IS 'the time up to which nothing is booked any more; who comes later decides anew';
INSERT INTO ledger_books (closed_at) VALUES ('-infinity');

ALTER TABLE ledger_entries ADD COLUMN booked_at timestamptz, ADD COLUMN number bigint NOT NULL DEFAULT 0,
    ADD COLUMN balance_minor bigint NOT NULL DEFAULT 0;
UPDATE ledger_entries e SET booked_at = t.booked_at, account = CASE e.account
        WHEN 'gateway:clearing' THEN 'account:gateway_clearing:' || t.currency
        WHEN 'orders:revenue' THEN 'account:order_revenue:' || t.currency
        ELSE e.account END
    FROM ledger_transfers t WHERE t.tenant_id = e.tenant_id AND t.transfer_id = e.transfer_id;
ALTER TABLE ledger_entries ALTER COLUMN booked_at SET NOT NULL, ALTER COLUMN number DROP DEFAULT, ALTER COLUMN balance_minor DROP DEFAULT,
    ADD CHECK (number >= 0);
COMMENT ON COLUMN ledger_entries.number IS 'of the entries of an account that has a row, from 1 without gaps; 0 of others';
COMMENT ON COLUMN ledger_entries.balance_minor IS 'of the account after it, where it has a row; 0 of others';
CREATE INDEX ledger_entries_by_account ON ledger_entries (tenant_id, account, booked_at, number);

-- +goose Down
DROP INDEX ledger_entries_by_account;
ALTER TABLE ledger_entries DROP COLUMN booked_at, DROP COLUMN number, DROP COLUMN balance_minor;
DROP TABLE ledger_books, account_checkpoints, account_holds, accounts;
