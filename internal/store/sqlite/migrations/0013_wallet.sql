-- Who plays. Events name them only: locale, country and what protects them stand here and nowhere else.
CREATE TABLE players (
  tenant_id         TEXT    NOT NULL,
  player_id         TEXT    NOT NULL, -- player:<player_id>
  brand_id          TEXT    NOT NULL,
  region            TEXT    NOT NULL,
  currency          TEXT    NOT NULL,
  locale            TEXT    NOT NULL,
  country           TEXT    NOT NULL,
  excluded          INTEGER NOT NULL,
  excluded_until_us INTEGER,
  cool_off_until_us INTEGER,
  limits            TEXT, -- [{"kind": 3, "period": 1, "max": 500}]; 1 DEPOSIT, 2 LOSS, 3 WAGER, 4 SESSION; 1 DAY, 2 WEEK, 3 MONTH
  played            TEXT, -- [{"period": 1, "from": "...", "wagered_minor": 200}]: the latest period of each kind
  version           INTEGER NOT NULL CHECK (version > 0),
  created_at_us     INTEGER NOT NULL,
  updated_at_us     INTEGER NOT NULL,
  PRIMARY KEY (player_id, tenant_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX players_by_time ON players (tenant_id, brand_id, region, created_at_us, player_id);

-- Channels in which players play a provider's game.
CREATE TABLE sessions (
  tenant_id              TEXT    NOT NULL,
  session_id             TEXT    NOT NULL, -- session:<provider>/<session_id>
  brand_id               TEXT    NOT NULL,
  region                 TEXT    NOT NULL,
  provider_id            TEXT    NOT NULL,
  player_id              TEXT    NOT NULL,
  game_id                TEXT    NOT NULL,
  currency               TEXT    NOT NULL,
  locale                 TEXT    NOT NULL,
  max_bet_minor          INTEGER NOT NULL CHECK (max_bet_minor >= -1), -- -1 for no bound
  told_excluded          INTEGER NOT NULL,
  told_excluded_until_us INTEGER,
  told_cool_off_until_us INTEGER,
  ttl_seconds            INTEGER NOT NULL CHECK (ttl_seconds > 0),
  status                 INTEGER NOT NULL CHECK (status BETWEEN 1 AND 3), -- 1 ACTIVE, also when the time is over, 2 CLOSED, 3 EXPIRED
  version                INTEGER NOT NULL CHECK (version > 0),
  created_at_us          INTEGER NOT NULL,
  expires_at_us          INTEGER NOT NULL,
  ended_at_us            INTEGER,
  updated_at_us          INTEGER NOT NULL,
  PRIMARY KEY (session_id, tenant_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_time ON sessions (tenant_id, provider_id, created_at_us, session_id);
CREATE INDEX sessions_by_player ON sessions (tenant_id, player_id, created_at_us, session_id);

-- Rounds of games, made by their first bet. Read by bets without a lock, changed when they are closed.
CREATE TABLE rounds (
  tenant_id     TEXT    NOT NULL,
  round_id      TEXT    NOT NULL, -- round:<provider>/<round_id>
  provider_id   TEXT    NOT NULL,
  game_id       TEXT    NOT NULL,
  status        INTEGER NOT NULL CHECK (status BETWEEN 1 AND 2), -- 1 OPEN, 2 CLOSED
  version       INTEGER NOT NULL CHECK (version > 0),
  created_at_us INTEGER NOT NULL,
  closed_at_us  INTEGER,
  PRIMARY KEY (round_id, tenant_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX rounds_by_time ON rounds (tenant_id, provider_id, created_at_us, round_id);

-- Bets of players. One without an amount was rolled back before it came, and stays refused.
CREATE TABLE bets (
  tenant_id     TEXT    NOT NULL,
  bet_id        TEXT    NOT NULL, -- bet:<provider>/<bet_id>; its hold is hold:<provider>/<bet_id>
  brand_id      TEXT    NOT NULL,
  region        TEXT    NOT NULL,
  provider_id   TEXT    NOT NULL,
  round_id      TEXT    NOT NULL,
  session_id    TEXT    NOT NULL,
  player_id     TEXT    NOT NULL,
  game_id       TEXT    NOT NULL,
  currency      TEXT    NOT NULL,
  amount_minor  INTEGER NOT NULL CHECK (amount_minor >= 0),
  won_minor     INTEGER NOT NULL CHECK (won_minor >= 0),
  results       INTEGER NOT NULL CHECK (results >= 0),
  status        INTEGER NOT NULL CHECK (status BETWEEN 1 AND 4), -- 1 AUTHORIZED, 2 CREDITED, 3 FORFEITED, 4 ROLLED_BACK
  version       INTEGER NOT NULL CHECK (version > 0),
  created_at_us INTEGER NOT NULL,
  updated_at_us INTEGER NOT NULL,
  PRIMARY KEY (bet_id, tenant_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX bets_by_time ON bets (tenant_id, provider_id, created_at_us, bet_id);
CREATE INDEX bets_by_player ON bets (tenant_id, player_id, created_at_us, bet_id);
CREATE INDEX bets_by_session ON bets (tenant_id, provider_id, session_id, created_at_us, bet_id);
CREATE INDEX bets_by_round ON bets (tenant_id, provider_id, round_id, created_at_us, bet_id);

-- Results of bets. Nothing of them ever changes.
CREATE TABLE settlements (
  tenant_id     TEXT    NOT NULL,
  result        TEXT    NOT NULL, -- settlement:<provider>/<bet_id>/<result_id>
  settlement_id TEXT    NOT NULL, -- settlement:<uuid>; its transfer, when something was won, is transfer:<uuid>/win
  brand_id      TEXT    NOT NULL,
  region        TEXT    NOT NULL,
  provider_id   TEXT    NOT NULL,
  bet_id        TEXT    NOT NULL,
  round_id      TEXT    NOT NULL,
  player_id     TEXT    NOT NULL,
  game_id       TEXT    NOT NULL,
  result_id     TEXT    NOT NULL,
  currency      TEXT    NOT NULL,
  win_minor     INTEGER NOT NULL CHECK (win_minor >= 0),
  partial       INTEGER NOT NULL,
  bonus         TEXT, -- {"in_bonus": true, "freespins_left": 7}
  created_at_us INTEGER NOT NULL,
  PRIMARY KEY (result, tenant_id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX settlements_by_id ON settlements (tenant_id, settlement_id);
CREATE INDEX settlements_by_time ON settlements (tenant_id, provider_id, created_at_us, result);
CREATE INDEX settlements_by_round ON settlements (tenant_id, provider_id, round_id, created_at_us, result);

-- Events of these rows too: the bound of aggregate_kind is gone, for which the table is made anew.
CREATE TABLE events_13 (
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
INSERT INTO events_13 SELECT * FROM events ORDER BY position;
DROP TABLE events;
ALTER TABLE events_13 RENAME TO events;
CREATE UNIQUE INDEX events_by_aggregate ON events (aggregate_id, aggregate_kind, tenant_id, seq);
