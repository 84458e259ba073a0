-- +goose Up

-- Deposits and withdrawals of players.
CREATE TABLE player_payments (
    tenant_id    text COLLATE "C" NOT NULL,
    payment_id   text COLLATE "C" NOT NULL,
    player_id    text COLLATE "C" NOT NULL,
    type         smallint NOT NULL CHECK (type BETWEEN 1 AND 2),
    currency     text COLLATE "C" NOT NULL,
    amount_minor bigint NOT NULL CHECK (amount_minor BETWEEN 1 AND 9007199254740991),
    provider     text COLLATE "C" NOT NULL,
    brand_id     text COLLATE "C" NOT NULL,
    region       text COLLATE "C" NOT NULL,
    called_by    text COLLATE "C" NOT NULL,
    status       smallint NOT NULL CHECK (status BETWEEN 1 AND 5),
    reason       text COLLATE "C" NOT NULL,
    external_id  text COLLATE "C" NOT NULL,
    token        text COLLATE "C" NOT NULL,
    version      bigint NOT NULL CHECK (version > 0),
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, payment_id)
) WITH (fillfactor = 50);
COMMENT ON TABLE player_payments IS 'deposits and withdrawals of players';
COMMENT ON COLUMN player_payments.type IS '1 DEPOSIT, 2 WITHDRAWAL';
COMMENT ON COLUMN player_payments.status IS '1 PROCESSING, 2 IN_DOUBT, 3 AUTHORIZED, 4 SUCCEEDED, 5 DECLINED';
COMMENT ON COLUMN player_payments.provider IS 'the gateway';
COMMENT ON COLUMN player_payments.called_by IS 'the provider that asked for it';
CREATE INDEX player_payments_by_time ON player_payments (brand_id, region, tenant_id, created_at, payment_id);
CREATE INDEX player_payments_by_player ON player_payments (player_id, tenant_id, created_at, payment_id);

-- +goose Down
DROP TABLE player_payments;
