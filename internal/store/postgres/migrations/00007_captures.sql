-- +goose Up
ALTER TABLE orders
    ADD COLUMN card_brand text CHECK (length(card_brand) <= 20),
    ADD COLUMN card_last_four text CHECK (card_last_four ~ '^[0-9]{4}$');
ALTER TABLE payments
    ADD COLUMN card_brand text CHECK (length(card_brand) <= 20),
    ADD COLUMN card_last_four text CHECK (card_last_four ~ '^[0-9]{4}$'),
    ADD COLUMN capture_before timestamptz;
COMMENT ON COLUMN payments.card_last_four IS 'of the payer''s card; never more of it than this and its brand';
COMMENT ON COLUMN payments.capture_before IS 'when the gateway lets the hold go by itself; null where it does not say';
ALTER TABLE effects ADD COLUMN expires_at timestamptz;
COMMENT ON COLUMN effects.expires_at IS 'from then on it is not called any more, only asked about';

-- +goose Down
ALTER TABLE effects DROP COLUMN expires_at;
ALTER TABLE payments DROP COLUMN capture_before, DROP COLUMN card_last_four, DROP COLUMN card_brand;
ALTER TABLE orders DROP COLUMN card_last_four, DROP COLUMN card_brand;
