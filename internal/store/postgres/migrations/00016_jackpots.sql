-- +goose Up

CREATE TABLE jackpots (
    tenant_id       text COLLATE "C" NOT NULL,
    jackpot_id      text COLLATE "C" NOT NULL,
    brand_id        text COLLATE "C" NOT NULL,
    region          text COLLATE "C" NOT NULL,
    provider_id     text COLLATE "C" NOT NULL,
    currency        text COLLATE "C" NOT NULL,
    name            text COLLATE "C" NOT NULL,
    seed_minor      bigint NOT NULL CHECK (seed_minor >= 0),
    rate_ppm        bigint NOT NULL CHECK (rate_ppm BETWEEN 1 AND 1000000),
    max_minor       bigint NOT NULL CHECK (max_minor >= -1),
    games           jsonb,
    status          smallint NOT NULL CHECK (status BETWEEN 1 AND 2),
    seeded_minor    bigint NOT NULL CHECK (seeded_minor >= 0),
    collected_minor bigint NOT NULL CHECK (collected_minor >= 0),
    paid_minor      bigint NOT NULL CHECK (paid_minor >= 0),
    returned_minor  bigint NOT NULL CHECK (returned_minor >= 0),
    held_minor      bigint NOT NULL CHECK (held_minor >= 0),
    version         bigint NOT NULL CHECK (version > 0),
    created_at      timestamptz NOT NULL,
    terms_at        timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, jackpot_id)
);
COMMENT ON TABLE jackpots IS 'Pools that bets of some games feed. The account account:jackpot_pool:<currency>:<provider>/<jackpot_id> holds
seeded_minor + collected_minor - paid_minor - returned_minor; account:jackpot_contributions:... has what bets gave and nobody has collected yet.';
COMMENT ON COLUMN jackpots.jackpot_id IS 'jackpot:<provider>/<jackpot_id>';
COMMENT ON COLUMN jackpots.rate_ppm IS 'millionths of a bet''s amount';
COMMENT ON COLUMN jackpots.max_minor IS 'the most that one bet gives, -1 for no bound';
COMMENT ON COLUMN jackpots.games IS '["game"], in byte order';
COMMENT ON COLUMN jackpots.status IS '1 OPEN, 2 CLOSED';
COMMENT ON COLUMN jackpots.held_minor IS 'what open triggers have set aside';
COMMENT ON COLUMN jackpots.terms_at IS 'when the terms or the status were changed last';
CREATE INDEX jackpots_by_time ON jackpots (tenant_id, provider_id, created_at, jackpot_id);

CREATE TABLE jackpot_feeds (
    tenant_id  text COLLATE "C" NOT NULL,
    game       text COLLATE "C" NOT NULL,
    feeds      jsonb,
    version    bigint NOT NULL CHECK (version > 0),
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, game)
);
COMMENT ON TABLE jackpot_feeds IS 'Which jackpots the bets of a game feed. Read by settlements without a lock, changed with the terms of jackpots.';
COMMENT ON COLUMN jackpot_feeds.game IS 'jackpot_feed:<provider>/<brand>/<region>/<game_id>';
COMMENT ON COLUMN jackpot_feeds.feeds IS '[{"jackpot": "jackpot:p/j", "currency": "EUR", "rate_ppm": 10000, "max_minor": -1}]';

CREATE TABLE jackpot_triggers (
    tenant_id    text COLLATE "C" NOT NULL,
    trigger_row  text COLLATE "C" NOT NULL,
    brand_id     text COLLATE "C" NOT NULL,
    region       text COLLATE "C" NOT NULL,
    provider_id  text COLLATE "C" NOT NULL,
    jackpot_id   text COLLATE "C" NOT NULL,
    trigger_id   text COLLATE "C" NOT NULL,
    player_id    text COLLATE "C" NOT NULL,
    bet_id       text COLLATE "C" NOT NULL,
    round_id     text COLLATE "C" NOT NULL,
    currency     text COLLATE "C" NOT NULL,
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    reseed_minor bigint NOT NULL CHECK (reseed_minor >= 0),
    status       smallint NOT NULL CHECK (status BETWEEN 1 AND 3),
    words        text COLLATE "C" NOT NULL,
    version      bigint NOT NULL CHECK (version > 0),
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, trigger_row)
);
COMMENT ON TABLE jackpot_triggers IS 'Winnings of jackpots. The hold is hold:<provider>/<jackpot_id>/<trigger_id>.';
COMMENT ON COLUMN jackpot_triggers.trigger_row IS 'jackpot_trigger:<provider>/<jackpot_id>/<trigger_id>';
COMMENT ON COLUMN jackpot_triggers.jackpot_id IS 'the provider''s own, as all names but trigger_row';
COMMENT ON COLUMN jackpot_triggers.reseed_minor IS 'what the house put into the pool in its place';
COMMENT ON COLUMN jackpot_triggers.status IS '1 TRIGGERED, 2 PAID, 3 VOIDED';
CREATE INDEX jackpot_triggers_by_time ON jackpot_triggers (tenant_id, provider_id, jackpot_id, created_at, trigger_row);

ALTER TABLE bets ADD COLUMN contributions jsonb;
COMMENT ON COLUMN bets.contributions IS 'what it has given to jackpots: [{"jackpot_id": "mega", "amount_minor": 2}]';

-- +goose Down
ALTER TABLE bets DROP COLUMN contributions;
DROP TABLE jackpot_triggers, jackpot_feeds, jackpots;
