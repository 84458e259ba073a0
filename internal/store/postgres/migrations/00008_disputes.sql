-- +goose Up
ALTER TABLE orders
    ADD COLUMN disputed_minor bigint NOT NULL DEFAULT 0 CHECK (disputed_minor >= 0),
    ADD COLUMN charged_back_minor bigint NOT NULL DEFAULT 0 CHECK (charged_back_minor >= 0);
ALTER TABLE payments
    ADD COLUMN disputed_minor bigint NOT NULL DEFAULT 0 CHECK (disputed_minor >= 0),
    ADD COLUMN charged_back_minor bigint NOT NULL DEFAULT 0 CHECK (charged_back_minor >= 0),
    ADD COLUMN disputes jsonb;
COMMENT ON COLUMN payments.disputed_minor IS 'withdrawn by disputes that are open, as the ledger has it';
COMMENT ON COLUMN payments.charged_back_minor IS 'withdrawn by disputes that were lost, as the ledger has it';
COMMENT ON COLUMN payments.disputes IS '[{"number", "external_id", "state": 1 inquiry, 2 inquiry closed, 3 open, 4 won, 5 lost, "amount_minor", '
    '"booked", "booked_minor", …}]; null when there is none';
-- Of the few that are disputed now, so that they can be counted; its column changes with a dispute only, so updates stay HOT.
CREATE INDEX payments_disputed ON payments (payment_id) WHERE disputed_minor > 0;
