-- Deposits and withdrawals of players.
CREATE TABLE player_payments (
  tenant_id     TEXT    NOT NULL,
  payment_id    TEXT    NOT NULL,
  player_id     TEXT    NOT NULL,
  type          INTEGER NOT NULL CHECK (type BETWEEN 1 AND 2), -- 1 DEPOSIT, 2 WITHDRAWAL
  currency      TEXT    NOT NULL,
  amount_minor  INTEGER NOT NULL CHECK (amount_minor BETWEEN 1 AND 9007199254740991),
  provider      TEXT    NOT NULL,
  brand         TEXT    NOT NULL,
  region        TEXT    NOT NULL,
  called_by     TEXT    NOT NULL,
  status        INTEGER NOT NULL CHECK (status BETWEEN 1 AND 5), -- 1 PROCESSING, 2 IN_DOUBT, 3 AUTHORIZED, 4 SUCCEEDED, 5 DECLINED
  reason        TEXT    NOT NULL,
  external_id   TEXT    NOT NULL,
  token         TEXT    NOT NULL,
  version       INTEGER NOT NULL CHECK (version > 0),
  created_at_us INTEGER NOT NULL,
  updated_at_us INTEGER NOT NULL,
  PRIMARY KEY (payment_id, tenant_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX player_payments_by_brand ON player_payments (tenant_id, brand, region, payment_id);
CREATE INDEX player_payments_by_player ON player_payments (tenant_id, player_id, payment_id);

-- Events may be of any kind of aggregate. A CHECK cannot be changed in place.
CREATE TABLE events_of_all (
  position        INTEGER PRIMARY KEY,
  event_id        BLOB    NOT NULL CHECK (length(event_id) = 16),
  tenant_id       TEXT    NOT NULL,
  aggregate_kind  INTEGER NOT NULL CHECK (aggregate_kind > 0),
  aggregate_id    TEXT    NOT NULL,
  seq             INTEGER NOT NULL CHECK (seq > 0),
  type            TEXT    NOT NULL,
  at_us           INTEGER NOT NULL,
  trace_id        TEXT    NOT NULL,
  idempotency_key TEXT    NOT NULL,
  schema_version  TEXT    NOT NULL,
  payload         BLOB    NOT NULL
) STRICT;
INSERT INTO events_of_all SELECT * FROM events ORDER BY position;
DROP TABLE events;
ALTER TABLE events_of_all RENAME TO events;
CREATE UNIQUE INDEX events_by_aggregate ON events (aggregate_id, aggregate_kind, tenant_id, seq);
