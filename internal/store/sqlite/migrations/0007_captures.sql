-- What is kept of a payer's card: its brand and last four digits, never more. Until when a hold is good, and a call may be made.
ALTER TABLE orders ADD COLUMN card_brand TEXT CHECK (length(card_brand) <= 20);
ALTER TABLE orders ADD COLUMN card_last_four TEXT CHECK (card_last_four GLOB '[0-9][0-9][0-9][0-9]');
ALTER TABLE payments ADD COLUMN card_brand TEXT CHECK (length(card_brand) <= 20);
ALTER TABLE payments ADD COLUMN card_last_four TEXT CHECK (card_last_four GLOB '[0-9][0-9][0-9][0-9]');
ALTER TABLE payments ADD COLUMN capture_before_us INTEGER;
ALTER TABLE effects ADD COLUMN expires_at_us INTEGER;
