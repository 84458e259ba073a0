-- +goose Up

CREATE TABLE players (
    tenant_id      text COLLATE "C" NOT NULL,
    player_id      text COLLATE "C" NOT NULL,
    brand_id       text COLLATE "C" NOT NULL,
    region         text COLLATE "C" NOT NULL,
    currency       text COLLATE "C" NOT NULL,
    locale         text COLLATE "C" NOT NULL,
    country        text COLLATE "C" NOT NULL,
    excluded       boolean NOT NULL,
    excluded_until timestamptz,
    cool_off_until timestamptz,
    limits         jsonb,
    played         jsonb,
    version        bigint NOT NULL CHECK (version > 0),
    created_at     timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, player_id)
) WITH (fillfactor = 50);
COMMENT ON TABLE players IS 'Who plays. Events name them only: locale, country and what protects them stand here and nowhere else.';
COMMENT ON COLUMN players.player_id IS 'player:<player_id>';
COMMENT ON COLUMN players.limits IS '[{"kind": 3, "period": 1, "max": 500}]; 1 DEPOSIT, 2 LOSS, 3 WAGER, 4 SESSION; 1 DAY, 2 WEEK, 3 MONTH';
COMMENT ON COLUMN players.played IS '[{"period": 1, "from": "...", "wagered_minor": 200}]: the latest period of each kind';
CREATE INDEX players_by_time ON players (brand_id, region, tenant_id, created_at, player_id);

CREATE TABLE sessions (
    tenant_id           text COLLATE "C" NOT NULL,
    session_id          text COLLATE "C" NOT NULL,
    brand_id            text COLLATE "C" NOT NULL,
    region              text COLLATE "C" NOT NULL,
    provider_id         text COLLATE "C" NOT NULL,
    player_id           text COLLATE "C" NOT NULL,
    game_id             text COLLATE "C" NOT NULL,
    currency            text COLLATE "C" NOT NULL,
    locale              text COLLATE "C" NOT NULL,
    max_bet_minor       bigint NOT NULL CHECK (max_bet_minor >= -1),
    told_excluded       boolean NOT NULL,
    told_excluded_until timestamptz,
    told_cool_off_until timestamptz,
    ttl_seconds         bigint NOT NULL CHECK (ttl_seconds > 0),
    status              smallint NOT NULL CHECK (status BETWEEN 1 AND 3),
    version             bigint NOT NULL CHECK (version > 0),
    created_at          timestamptz NOT NULL,
    expires_at          timestamptz NOT NULL,
    ended_at            timestamptz,
    updated_at          timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, session_id)
);
COMMENT ON TABLE sessions IS 'Channels in which players play a provider''s game.';
COMMENT ON COLUMN sessions.session_id IS 'session:<provider>/<session_id>';
COMMENT ON COLUMN sessions.max_bet_minor IS '-1 for no bound';
COMMENT ON COLUMN sessions.status IS '1 ACTIVE, also when the time is over, 2 CLOSED, 3 EXPIRED';
CREATE INDEX sessions_by_time ON sessions (provider_id, tenant_id, created_at, session_id);
CREATE INDEX sessions_by_player ON sessions (player_id, tenant_id, created_at, session_id);

CREATE TABLE rounds (
    tenant_id   text COLLATE "C" NOT NULL,
    round_id    text COLLATE "C" NOT NULL,
    provider_id text COLLATE "C" NOT NULL,
    game_id     text COLLATE "C" NOT NULL,
    status      smallint NOT NULL CHECK (status BETWEEN 1 AND 2),
    version     bigint NOT NULL CHECK (version > 0),
    created_at  timestamptz NOT NULL,
    closed_at   timestamptz,
    PRIMARY KEY (tenant_id, round_id)
);
COMMENT ON TABLE rounds IS 'Rounds of games, made by their first bet. Read by bets without a lock, changed when they are closed.';
COMMENT ON COLUMN rounds.round_id IS 'round:<provider>/<round_id>';
COMMENT ON COLUMN rounds.status IS '1 OPEN, 2 CLOSED';
CREATE INDEX rounds_by_time ON rounds (provider_id, tenant_id, created_at, round_id);

CREATE TABLE bets (
    tenant_id    text COLLATE "C" NOT NULL,
    bet_id       text COLLATE "C" NOT NULL,
    brand_id     text COLLATE "C" NOT NULL,
    region       text COLLATE "C" NOT NULL,
    provider_id  text COLLATE "C" NOT NULL,
    round_id     text COLLATE "C" NOT NULL,
    session_id   text COLLATE "C" NOT NULL,
    player_id    text COLLATE "C" NOT NULL,
    game_id      text COLLATE "C" NOT NULL,
    currency     text COLLATE "C" NOT NULL,
    amount_minor bigint NOT NULL CHECK (amount_minor >= 0),
    won_minor    bigint NOT NULL CHECK (won_minor >= 0),
    results      integer NOT NULL CHECK (results >= 0),
    status       smallint NOT NULL CHECK (status BETWEEN 1 AND 4),
    version      bigint NOT NULL CHECK (version > 0),
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, bet_id)
) WITH (fillfactor = 50);
COMMENT ON TABLE bets IS 'Bets of players. One without an amount was rolled back before it came, and stays refused.';
COMMENT ON COLUMN bets.bet_id IS 'bet:<provider>/<bet_id>; its hold is hold:<provider>/<bet_id>';
COMMENT ON COLUMN bets.status IS '1 AUTHORIZED, 2 CREDITED, 3 FORFEITED, 4 ROLLED_BACK';
CREATE INDEX bets_by_time ON bets (provider_id, tenant_id, created_at, bet_id);
CREATE INDEX bets_by_player ON bets (player_id, tenant_id, created_at, bet_id);
CREATE INDEX bets_by_session ON bets (provider_id, session_id, tenant_id, created_at, bet_id);
CREATE INDEX bets_by_round ON bets (provider_id, round_id, tenant_id, created_at, bet_id);

CREATE TABLE settlements (
    tenant_id     text COLLATE "C" NOT NULL,
    result        text COLLATE "C" NOT NULL,
    settlement_id text COLLATE "C" NOT NULL,
    brand_id      text COLLATE "C" NOT NULL,
    region        text COLLATE "C" NOT NULL,
    provider_id   text COLLATE "C" NOT NULL,
    bet_id        text COLLATE "C" NOT NULL,
    round_id      text COLLATE "C" NOT NULL,
    player_id     text COLLATE "C" NOT NULL,
    game_id       text COLLATE "C" NOT NULL,
    result_id     text COLLATE "C" NOT NULL,
    currency      text COLLATE "C" NOT NULL,
    win_minor     bigint NOT NULL CHECK (win_minor >= 0),
    partial       boolean NOT NULL,
    bonus         jsonb,
    created_at    timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, result)
);
COMMENT ON TABLE settlements IS 'Results of bets. Nothing of them ever changes.';
COMMENT ON COLUMN settlements.result IS 'settlement:<provider>/<bet_id>/<result_id>';
COMMENT ON COLUMN settlements.settlement_id IS 'settlement:<uuid>; its transfer, when something was won, is transfer:<uuid>/win';
COMMENT ON COLUMN settlements.bonus IS '{"in_bonus": true, "freespins_left": 7}';
CREATE UNIQUE INDEX settlements_by_id ON settlements (settlement_id, tenant_id);
CREATE INDEX settlements_by_time ON settlements (provider_id, tenant_id, created_at, result);
CREATE INDEX settlements_by_round ON settlements (provider_id, round_id, tenant_id, created_at, result);

-- +goose Down
DROP TABLE settlements, bets, rounds, sessions, players;
