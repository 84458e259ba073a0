-- +goose Up

CREATE TABLE bonuses (
    tenant_id            text COLLATE "C" NOT NULL,
    bonus_id             text COLLATE "C" NOT NULL,
    brand_id             text COLLATE "C" NOT NULL,
    region               text COLLATE "C" NOT NULL,
    provider_id          text COLLATE "C" NOT NULL,
    player_id            text COLLATE "C" NOT NULL,
    currency             text COLLATE "C" NOT NULL,
    amount_minor         bigint NOT NULL CHECK (amount_minor BETWEEN 1 AND 9007199254740991),
    required_minor       bigint NOT NULL CHECK (required_minor BETWEEN 1 AND 9007199254740991),
    weights              jsonb,
    default_weight       integer NOT NULL CHECK (default_weight BETWEEN 0 AND 100),
    policy               smallint NOT NULL CHECK (policy BETWEEN 1 AND 2),
    max_bet_minor        bigint NOT NULL CHECK (max_bet_minor >= -1),
    max_conversion_minor bigint NOT NULL CHECK (max_conversion_minor >= -1),
    ttl_seconds          bigint NOT NULL CHECK (ttl_seconds >= 0),
    expires_at           timestamptz NOT NULL,
    status               smallint NOT NULL CHECK (status BETWEEN 1 AND 5),
    reason               text COLLATE "C" NOT NULL,
    progress             bigint NOT NULL CHECK (progress BETWEEN 0 AND 100 * required_minor),
    converted_minor      bigint NOT NULL CHECK (converted_minor >= 0),
    version              bigint NOT NULL CHECK (version > 0),
    created_at           timestamptz NOT NULL,
    activated_at         timestamptz,
    ended_at             timestamptz,
    updated_at           timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, bonus_id)
) WITH (fillfactor = 80);
COMMENT ON TABLE bonuses IS 'Money that players may bet on conditions. The money of an active one is all that no bet holds of the player''s account of bonus money.';
COMMENT ON COLUMN bonuses.bonus_id IS 'bonus:<bonus_id>';
COMMENT ON COLUMN bonuses.provider_id IS 'who has granted it';
COMMENT ON COLUMN bonuses.required_minor IS 'to be wagered';
COMMENT ON COLUMN bonuses.weights IS '[{"game_id": "studio:slot", "percent": 50}], by game';
COMMENT ON COLUMN bonuses.default_weight IS 'percent of bets on other games';
COMMENT ON COLUMN bonuses.policy IS '1 CASH_FIRST, 2 BONUS_FIRST';
COMMENT ON COLUMN bonuses.max_bet_minor IS '-1 for no bound';
COMMENT ON COLUMN bonuses.max_conversion_minor IS '-1 for no bound';
COMMENT ON COLUMN bonuses.ttl_seconds IS '0 when a time was asked for';
COMMENT ON COLUMN bonuses.status IS '1 GRANTED, 2 ACTIVE, 3 CONVERTED, 4 FORFEITED, 5 EXPIRED';
COMMENT ON COLUMN bonuses.progress IS 'wagered, in hundredths of minor units, by weight';
CREATE INDEX bonuses_by_time ON bonuses (tenant_id, brand_id, region, created_at, bonus_id);
CREATE INDEX bonuses_by_player ON bonuses (tenant_id, player_id, created_at, bonus_id);

ALTER TABLE players ADD COLUMN bonus_id text COLLATE "C" NOT NULL DEFAULT '';
COMMENT ON COLUMN players.bonus_id IS 'the active one; empty for none';
ALTER TABLE bets ADD COLUMN bonus jsonb;
COMMENT ON COLUMN bets.bonus IS '{"id": "bonus:<bonus_id>", "minor": 100, "weight_percent": 50}: what of the amount is the bonus''s';

-- +goose Down
ALTER TABLE bets DROP COLUMN bonus;
ALTER TABLE players DROP COLUMN bonus_id;
DROP TABLE bonuses;
