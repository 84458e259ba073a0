-- Deposits and withdrawals of players.
CREATE TABLE player_payments (
  tenant_id     TEXT    NOT NULL,
  payment_id    TEXT    NOT NULL,
  player_id     TEXT    NOT NULL,
  type          INTEGER NOT NULL CHECK (type BETWEEN 1 AND 2), -- 1 DEPOSIT, 2 WITHDRAWAL
  currency      TEXT    NOT NULL,
  amount_minor  INTEGER NOT NULL CHECK (amount_minor BETWEEN 1 AND 9007199254740991),
  provider      TEXT    NOT NULL,
  brand_id      TEXT    NOT NULL,
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
CREATE INDEX player_payments_by_time ON player_payments (tenant_id, brand_id, region, created_at_us, payment_id);
CREATE INDEX player_payments_by_player ON player_payments (tenant_id, player_id, created_at_us, payment_id);
