-- Pools that bets of some games feed. Its accounts are account:jackpot_pool:<currency>:<provider>/<jackpot_id>, which holds seeded_minor +
-- collected_minor - paid_minor - returned_minor, and account:jackpot_contributions:..., which has what bets gave and nobody has collected yet.
CREATE TABLE jackpots (
  tenant_id       TEXT    NOT NULL,
  jackpot_id      TEXT    NOT NULL, -- jackpot:<provider>/<jackpot_id>
  brand_id        TEXT    NOT NULL,
  region          TEXT    NOT NULL,
  provider_id     TEXT    NOT NULL,
  currency        TEXT    NOT NULL,
  name            TEXT    NOT NULL,
  seed_minor      INTEGER NOT NULL CHECK (seed_minor >= 0),
  rate_ppm        INTEGER NOT NULL CHECK (rate_ppm BETWEEN 1 AND 1000000), -- millionths of a bet's amount
  max_minor       INTEGER NOT NULL CHECK (max_minor >= -1), -- the most that one bet gives, -1 for no bound
  games           TEXT, -- ["game"], in byte order
  status          INTEGER NOT NULL CHECK (status BETWEEN 1 AND 2), -- 1 OPEN, 2 CLOSED
  seeded_minor    INTEGER NOT NULL CHECK (seeded_minor >= 0),
  collected_minor INTEGER NOT NULL CHECK (collected_minor >= 0),
  paid_minor      INTEGER NOT NULL CHECK (paid_minor >= 0),
  returned_minor  INTEGER NOT NULL CHECK (returned_minor >= 0),
  held_minor      INTEGER NOT NULL CHECK (held_minor >= 0), -- what open triggers have set aside
  version         INTEGER NOT NULL CHECK (version > 0),
  created_at_us   INTEGER NOT NULL,
  terms_at_us     INTEGER NOT NULL, -- when the terms or the status were changed last
  updated_at_us   INTEGER NOT NULL,
  PRIMARY KEY (jackpot_id, tenant_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX jackpots_by_time ON jackpots (tenant_id, provider_id, created_at_us, jackpot_id);

-- Which jackpots the bets of a game feed. Read by settlements, changed with the terms of jackpots.
CREATE TABLE jackpot_feeds (
  tenant_id     TEXT    NOT NULL,
  game          TEXT    NOT NULL, -- jackpot_feed:<provider>/<brand>/<region>/<game_id>
  feeds         TEXT, -- [{"jackpot": "jackpot:p/j", "currency": "EUR", "rate_ppm": 10000, "max_minor": -1}]
  version       INTEGER NOT NULL CHECK (version > 0),
  updated_at_us INTEGER NOT NULL,
  PRIMARY KEY (game, tenant_id)
) STRICT, WITHOUT ROWID;

-- Winnings of jackpots. The hold is hold:<provider>/<jackpot_id>/<trigger_id>.
CREATE TABLE jackpot_triggers (
  tenant_id     TEXT    NOT NULL,
  trigger_row   TEXT    NOT NULL, -- jackpot_trigger:<provider>/<jackpot_id>/<trigger_id>
  brand_id      TEXT    NOT NULL,
  region        TEXT    NOT NULL,
  provider_id   TEXT    NOT NULL,
  jackpot_id    TEXT    NOT NULL, -- the provider's own
  trigger_id    TEXT    NOT NULL,
  player_id     TEXT    NOT NULL,
  bet_id        TEXT    NOT NULL,
  round_id      TEXT    NOT NULL,
  currency      TEXT    NOT NULL,
  amount_minor  INTEGER NOT NULL CHECK (amount_minor > 0),
  reseed_minor  INTEGER NOT NULL CHECK (reseed_minor >= 0), -- what the house put into the pool in its place
  status        INTEGER NOT NULL CHECK (status BETWEEN 1 AND 3), -- 1 TRIGGERED, 2 PAID, 3 VOIDED
  words         TEXT    NOT NULL,
  version       INTEGER NOT NULL CHECK (version > 0),
  created_at_us INTEGER NOT NULL,
  updated_at_us INTEGER NOT NULL,
  PRIMARY KEY (trigger_row, tenant_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX jackpot_triggers_by_time ON jackpot_triggers (tenant_id, provider_id, jackpot_id, created_at_us, trigger_row);

-- What a bet has given to jackpots: [{"jackpot_id": "mega", "amount_minor": 2}].
ALTER TABLE bets ADD COLUMN contributions TEXT;
