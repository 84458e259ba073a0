-- What gateways have withdrawn for disputes: *_minor are what the ledger says, disputes what the gateway tells.
ALTER TABLE orders ADD COLUMN disputed_minor INTEGER NOT NULL DEFAULT 0 CHECK (disputed_minor >= 0);
ALTER TABLE orders ADD COLUMN charged_back_minor INTEGER NOT NULL DEFAULT 0 CHECK (charged_back_minor >= 0);
ALTER TABLE payments ADD COLUMN disputed_minor INTEGER NOT NULL DEFAULT 0 CHECK (disputed_minor >= 0);
ALTER TABLE payments ADD COLUMN charged_back_minor INTEGER NOT NULL DEFAULT 0 CHECK (charged_back_minor >= 0);
-- JSON: [{"number": …, "external_id": …, "state": …, "amount_minor": …, "booked": …, "booked_minor": …, …}]; NULL when there is none
ALTER TABLE payments ADD COLUMN disputes TEXT;
CREATE INDEX payments_disputed ON payments (payment_id) WHERE disputed_minor > 0;

CREATE TABLE dispute_states (state INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT;
INSERT INTO dispute_states VALUES (1, 'INQUIRY'), (2, 'INQUIRY_CLOSED'), (3, 'OPEN'), (4, 'WON'), (5, 'LOST');
