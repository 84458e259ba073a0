-- +goose Up

-- What the check of a player has come to.
ALTER TABLE players
    ADD COLUMN kyc_status smallint NOT NULL DEFAULT 0 CHECK (kyc_status BETWEEN 0 AND 3),
    ADD COLUMN kyc_reason text COLLATE "C" NOT NULL DEFAULT '';
COMMENT ON COLUMN players.kyc_status IS '0 nobody has told, 1 PENDING, 2 VERIFIED, 3 REJECTED';

-- +goose Down
ALTER TABLE players DROP COLUMN kyc_status, DROP COLUMN kyc_reason;
