-- Money that players may bet on conditions. The money of an active one is all that no bet holds of the player's account of bonus money.
CREATE TABLE bonuses (
  tenant_id            TEXT    NOT NULL,
  bonus_id             TEXT    NOT NULL, -- bonus:<bonus_id>
  brand_id             TEXT    NOT NULL,
  region               TEXT    NOT NULL,
  provider_id          TEXT    NOT NULL, -- who has granted it
  player_id            TEXT    NOT NULL,
  currency             TEXT    NOT NULL,
  amount_minor         INTEGER NOT NULL CHECK (amount_minor BETWEEN 1 AND 9007199254740991),
  required_minor       INTEGER NOT NULL CHECK (required_minor BETWEEN 1 AND 9007199254740991), -- to be wagered
  weights              TEXT, -- [{"game_id": "studio:slot", "percent": 50}], by game
  default_weight       INTEGER NOT NULL CHECK (default_weight BETWEEN 0 AND 100), -- percent of bets on other games
  policy               INTEGER NOT NULL CHECK (policy BETWEEN 1 AND 2), -- 1 CASH_FIRST, 2 BONUS_FIRST
  max_bet_minor        INTEGER NOT NULL CHECK (max_bet_minor >= -1), -- -1 for no bound
  max_conversion_minor INTEGER NOT NULL CHECK (max_conversion_minor >= -1), -- -1 for no bound
  ttl_seconds          INTEGER NOT NULL CHECK (ttl_seconds >= 0), -- 0 when a time was asked for
  expires_at_us        INTEGER NOT NULL,
  status               INTEGER NOT NULL CHECK (status BETWEEN 1 AND 5), -- 1 GRANTED, 2 ACTIVE, 3 CONVERTED, 4 FORFEITED, 5 EXPIRED
  reason               TEXT    NOT NULL,
  progress             INTEGER NOT NULL CHECK (progress BETWEEN 0 AND 100 * required_minor), -- hundredths of minor units, by weight
  converted_minor      INTEGER NOT NULL CHECK (converted_minor >= 0),
  version              INTEGER NOT NULL CHECK (version > 0),
  created_at_us        INTEGER NOT NULL,
  activated_at_us      INTEGER,
  ended_at_us          INTEGER,
  updated_at_us        INTEGER NOT NULL,
  PRIMARY KEY (bonus_id, tenant_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX bonuses_by_time ON bonuses (tenant_id, brand_id, region, created_at_us, bonus_id);
CREATE INDEX bonuses_by_player ON bonuses (tenant_id, player_id, created_at_us, bonus_id);

ALTER TABLE players ADD COLUMN bonus_id TEXT NOT NULL DEFAULT ''; -- the active one; empty for none
ALTER TABLE bets ADD COLUMN bonus TEXT; -- {"id": "bonus:<bonus_id>", "minor": 100, "weight_percent": 50}: what of the amount is the bonus's
