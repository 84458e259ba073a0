-- Accounts that must not go below zero: available = balance - held. All others have no row: their balance is the sum of their entries.
CREATE TABLE accounts (
  tenant_id     TEXT    NOT NULL,
  account_id    TEXT    NOT NULL,
  owner         TEXT    NOT NULL,
  balance_minor INTEGER NOT NULL CHECK (balance_minor BETWEEN 0 AND 9007199254740991),
  held_minor    INTEGER NOT NULL CHECK (held_minor BETWEEN 0 AND balance_minor),
  entries       INTEGER NOT NULL CHECK (entries >= 0), -- number of the latest entry
  version       INTEGER NOT NULL CHECK (version > 0),
  created_at_us INTEGER NOT NULL,
  updated_at_us INTEGER NOT NULL,
  PRIMARY KEY (account_id, tenant_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX accounts_by_owner ON accounts (tenant_id, owner, account_id);

-- Money set aside on accounts.
CREATE TABLE account_holds (
  tenant_id      TEXT    NOT NULL,
  hold_id        TEXT    NOT NULL,
  account_id     TEXT    NOT NULL,
  amount_minor   INTEGER NOT NULL CHECK (amount_minor > 0),
  several        INTEGER NOT NULL,
  expires_at_us  INTEGER,
  created_at_us  INTEGER NOT NULL,
  captured_minor INTEGER NOT NULL CHECK (captured_minor BETWEEN 0 AND amount_minor),
  status         INTEGER NOT NULL CHECK (status BETWEEN 1 AND 4), -- 1 OPEN, 2 CAPTURED, 3 VOIDED, 4 EXPIRED
  captures       TEXT CHECK (json_array_length(captures) > 0), -- JSON: [{"transfer_id": "…", "amount_minor": 1}]
  version        INTEGER NOT NULL CHECK (version > 0),
  updated_at_us  INTEGER NOT NULL,
  PRIMARY KEY (hold_id, tenant_id)
) STRICT, WITHOUT ROWID;

-- Sums of the entries of accounts without a row that were booked at or before a time, after which the books let none in any more.
CREATE TABLE account_checkpoints (
  tenant_id     TEXT    NOT NULL,
  account_id    TEXT    NOT NULL,
  closed_at_us  INTEGER NOT NULL,
  balance_minor INTEGER NOT NULL,
  entries       INTEGER NOT NULL CHECK (entries > 0),
  PRIMARY KEY (tenant_id, account_id, closed_at_us)
) STRICT, WITHOUT ROWID;

-- The time up to which nothing is booked any more: who comes later decides anew.
ALTER TABLE stream ADD COLUMN books_closed_us INTEGER NOT NULL DEFAULT -9223372036854775807;

-- Entries know their time, and those of accounts with a row their number (from 1 without gaps, 0 of others) and the balance after them.
ALTER TABLE ledger_entries ADD COLUMN at_us INTEGER NOT NULL DEFAULT 0;
ALTER TABLE ledger_entries ADD COLUMN number INTEGER NOT NULL DEFAULT 0 CHECK (number >= 0);
ALTER TABLE ledger_entries ADD COLUMN balance_minor INTEGER NOT NULL DEFAULT 0;
UPDATE ledger_entries SET at_us = t.at_us, account = CASE account
    WHEN 'gateway:clearing' THEN 'account:gateway_clearing:' || t.currency
    WHEN 'orders:revenue' THEN 'account:order_revenue:' || t.currency
    ELSE account END
  FROM ledger_transfers t WHERE t.tenant_id = ledger_entries.tenant_id AND t.transfer_id = ledger_entries.transfer_id;
CREATE INDEX ledger_entries_by_account ON ledger_entries (tenant_id, account, at_us, number);
