-- The tables of the system, for machines and for people who ask questions of them. Amounts are in minor units of the currency
-- beside them; numbers of statuses are those of the contract and stand in the comments. Text that names things is compared byte
-- by byte (COLLATE "C"), as the program does: the order in which rows are locked, and pages of lists, depend on it.

-- +goose Up

-- A batch is a transaction of the pipeline. Its number (seq) is drawn when everything it depends on has been locked, and so
-- committed: a batch that builds on another has the greater number.
CREATE SEQUENCE batch_seq AS bigint CACHE 1;
CREATE TABLE batches (
    batch_id       uuid PRIMARY KEY,
    seq            bigint NOT NULL DEFAULT nextval('batch_seq'),
    committed_at   timestamptz NOT NULL,
    events         integer NOT NULL CHECK (events >= 0),
    first_position bigint CHECK (first_position > 0),
    abandoned      boolean NOT NULL DEFAULT false CHECK (NOT abandoned OR events = 0)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.01, autovacuum_analyze_scale_factor = 0.02);
COMMENT ON TABLE batches IS 'transactions of the pipeline, in the order of their numbers; those without events are purged by age';
COMMENT ON COLUMN batches.committed_at IS 'the batch''s reading of the clock; the greatest is the clock''s high-water mark';
COMMENT ON COLUMN batches.first_position IS 'place of the batch''s first event in the log of all events; null until the relay has seen it';
COMMENT ON COLUMN batches.abandoned IS 'the id was taken so that a transaction of unknown outcome cannot take place any more';
CREATE INDEX batches_unnumbered ON batches (seq) WHERE first_position IS NULL AND events > 0;
CREATE UNIQUE INDEX batches_position ON batches (first_position) WHERE first_position IS NOT NULL;
CREATE INDEX batches_clock ON batches (committed_at);
CREATE INDEX batches_empty ON batches (committed_at) WHERE events = 0;

CREATE TABLE events (
    batch_id        uuid NOT NULL,
    ordinal         integer NOT NULL CHECK (ordinal BETWEEN 0 AND 65535),
    tenant_id       text COLLATE "C" NOT NULL,
    aggregate_id    text COLLATE "C" NOT NULL,
    seq             bigint NOT NULL CHECK (seq > 0),
    event_type      text COLLATE "C" NOT NULL,
    occurred_at     timestamptz NOT NULL,
    trace_id        text COLLATE "C" NOT NULL,
    idempotency_key text COLLATE "C" NOT NULL,
    schema_version  text COLLATE "C" NOT NULL,
    payload         bytea NOT NULL,
    PRIMARY KEY (batch_id, ordinal),
    CONSTRAINT events_once UNIQUE (tenant_id, aggregate_id, seq)
);
COMMENT ON TABLE events IS 'everything that has happened; rows are never changed. Position = batches.first_position + ordinal';
COMMENT ON COLUMN events.aggregate_id IS 'order:…, payment:…; items are item:<SKU>, so that no SKU can be taken for another aggregate';
COMMENT ON COLUMN events.payload IS 'protobuf message of event_type';

CREATE TABLE idempotency_keys (
    tenant_id  text COLLATE "C" NOT NULL,
    principal  text COLLATE "C" NOT NULL,
    key        text COLLATE "C" NOT NULL,
    hash       bytea NOT NULL CHECK (length(hash) = 32),
    method     text COLLATE "C" NOT NULL,
    code       smallint NOT NULL,
    body       bytea NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, principal, key)
);
COMMENT ON TABLE idempotency_keys IS 'what each key''s first command was answered; purged by age';
COMMENT ON COLUMN idempotency_keys.code IS '0 after a success, else the code of google.rpc.Code';
CREATE INDEX idempotency_keys_age ON idempotency_keys USING brin (created_at) WITH (pages_per_range = 32, autosummarize = on);

-- Statuses are in no index, so that a change of status touches the row's page only (HOT); the free space is for that: an order
-- has four versions within a second or so, and at 75 % every third of them had to go to another page and into the index.
CREATE TABLE orders (
    tenant_id            text COLLATE "C" NOT NULL,
    order_id             text COLLATE "C" NOT NULL,
    customer_id          text COLLATE "C" NOT NULL,
    status               smallint NOT NULL CHECK (status BETWEEN 1 AND 6),
    status_reason        text NOT NULL,
    status_detail        text NOT NULL,
    currency             text COLLATE "C" NOT NULL,
    amount_minor         bigint NOT NULL,
    adjustments          jsonb,
    client_reference     text NOT NULL,
    metadata             jsonb,
    payment_status       smallint NOT NULL CHECK (payment_status BETWEEN 0 AND 9),
    payment_token        text NOT NULL,
    keep_on_decline      boolean NOT NULL,
    decline_reason       text NOT NULL,
    captured_minor       bigint NOT NULL CHECK (captured_minor >= 0),
    refunded_minor       bigint NOT NULL CHECK (refunded_minor >= 0),
    refund_pending_minor bigint NOT NULL CHECK (refund_pending_minor >= 0),
    cancel_requested     boolean NOT NULL,
    expires_at           timestamptz,
    created_at           timestamptz NOT NULL,
    updated_at           timestamptz NOT NULL,
    version              bigint NOT NULL CHECK (version > 0),
    PRIMARY KEY (tenant_id, order_id)
) WITH (fillfactor = 50);
COMMENT ON COLUMN orders.order_id IS 'order:<uuid v7>; its time is created_at, so the order of ids is the order of creation';
COMMENT ON COLUMN orders.status IS '1 PENDING, 2 RESERVED, 3 PAID, 4 CONFIRMED, 5 CANCELED, 6 REFUNDED';
COMMENT ON COLUMN orders.payment_status IS '0 NONE, 1 REQUESTED, 2 PROCESSING, 3 AUTHORIZED, 4 CAPTURED, 5 DECLINED, 6 VOIDED, '
    '7 PARTIALLY_REFUNDED, 8 REFUNDED, 9 UNKNOWN';
-- The tenant does not lead, here and in dead_letters_parked: statements are planned once, on empty tables, where an index that
-- shares its first column with the primary key would look as good as that and read a whole tenant for every row.
CREATE INDEX orders_customer ON orders (customer_id, tenant_id, order_id);

CREATE TABLE order_lines (
    tenant_id   text COLLATE "C" NOT NULL,
    order_id    text COLLATE "C" NOT NULL,
    line_no     integer NOT NULL CHECK (line_no > 0),
    sku         text COLLATE "C" NOT NULL,
    quantity    integer NOT NULL CHECK (quantity > 0),
    price_minor bigint NOT NULL CHECK (price_minor >= 0),
    PRIMARY KEY (tenant_id, order_id, line_no)
);
COMMENT ON TABLE order_lines IS 'lines of orders; written with their order and never changed';

CREATE TABLE reservations (
    tenant_id      text COLLATE "C" NOT NULL,
    reservation_id text COLLATE "C" NOT NULL,
    order_id       text COLLATE "C" NOT NULL,
    status         smallint NOT NULL CHECK (status BETWEEN 0 AND 4),
    items          jsonb,
    rejected_sku   text COLLATE "C" NOT NULL,
    version        bigint NOT NULL CHECK (version > 0),
    updated_at     timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, reservation_id)
) WITH (fillfactor = 50);
COMMENT ON COLUMN reservations.status IS '0 NONE, 1 HELD, 2 REJECTED, 3 RELEASED, 4 SOLD';
COMMENT ON COLUMN reservations.items IS '[{"sku": text, "qty": pieces}]';

CREATE TABLE payments (
    tenant_id            text COLLATE "C" NOT NULL,
    payment_id           text COLLATE "C" NOT NULL,
    order_id             text COLLATE "C" NOT NULL,
    status               smallint NOT NULL CHECK (status BETWEEN 0 AND 9),
    currency             text COLLATE "C" NOT NULL,
    amount_minor         bigint NOT NULL,
    provider             text NOT NULL,
    external_id          text NOT NULL,
    token                text NOT NULL,
    attempt              integer NOT NULL,
    cancel_requested     boolean NOT NULL,
    captured_minor       bigint NOT NULL CHECK (captured_minor >= 0),
    refunded_minor       bigint NOT NULL CHECK (refunded_minor >= 0),
    refund_pending_minor bigint NOT NULL CHECK (refund_pending_minor >= 0),
    decline_reason       text NOT NULL,
    refunds              jsonb,
    version              bigint NOT NULL CHECK (version > 0),
    created_at           timestamptz NOT NULL,
    updated_at           timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, payment_id)
) WITH (fillfactor = 50);
COMMENT ON COLUMN payments.status IS '0 NONE, 1 REQUESTED, 2 PROCESSING, 3 AUTHORIZED, 4 CAPTURED, 5 DECLINED, 6 VOIDED, '
    '7 PARTIALLY_REFUNDED, 8 REFUNDED, 9 UNKNOWN';
COMMENT ON COLUMN payments.refunds IS '[{"number", "amount_minor", "state": 1 pending, 2 succeeded, 3 failed, "reason", "created_at"}]';

CREATE TABLE effects (
    tenant_id    text COLLATE "C" NOT NULL,
    effect_id    text COLLATE "C" NOT NULL,
    kind         text COLLATE "C" NOT NULL,
    aggregate_id text COLLATE "C" NOT NULL,
    order_id     text COLLATE "C" NOT NULL,
    provider     text NOT NULL,
    token        text NOT NULL,
    external_id  text NOT NULL,
    currency     text COLLATE "C" NOT NULL,
    amount_minor bigint NOT NULL,
    state        smallint NOT NULL CHECK (state BETWEEN 1 AND 3),
    owner        text NOT NULL,
    next_at      timestamptz,
    attempts     integer NOT NULL,
    called       boolean NOT NULL,
    last_error   text NOT NULL,
    trace_id     text COLLATE "C" NOT NULL,
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    settled_by   smallint NOT NULL CHECK (settled_by BETWEEN 0 AND 4),
    history      jsonb CHECK (jsonb_array_length(history) BETWEEN 1 AND 32),
    PRIMARY KEY (tenant_id, effect_id)
) WITH (fillfactor = 80);
COMMENT ON TABLE effects IS 'calls to the outside, such as a gateway''s';
COMMENT ON COLUMN effects.state IS '1 OPEN, 2 DONE, 3 FAILED (given up; a dead letter tells)';
COMMENT ON COLUMN effects.settled_by IS '0 NONE, 1 WORKER (the answer to the call), 2 RECONCILER (an inquiry), 3 CALLBACK';
COMMENT ON COLUMN effects.history IS 'the last 32 attempts; null when the first succeeded. The view effect_attempts shows it as rows';
CREATE INDEX effects_due ON effects (next_at) WHERE state = 1;

-- The attempts that did not simply succeed at once, a row each. They are kept in the effect's own row, so that a call that goes well
-- costs no row and no statement more.
CREATE VIEW effect_attempts AS
SELECT e.tenant_id, e.effect_id, e.kind, e.order_id, a.number, a.attempt, a.result,
    (ARRAY['SUCCEEDED', 'REFUSED', 'NOT_REACHED', 'UNKNOWN', 'PENDING', 'NOT_FOUND', 'UNANSWERED', 'UNUSABLE', 'GIVEN_UP',
        'REOPENED'])[a.result] AS result_name,
    coalesce(a.asked, false) AS asked, (ARRAY['WORKER', 'RECONCILER', 'CALLBACK', 'OPERATOR'])[a.by] AS by_name,
    coalesce(a.reason, '') AS reason, a.started_at, a.at
FROM effects e CROSS JOIN LATERAL jsonb_to_recordset(e.history) AS a (
    number integer, attempt integer, result smallint, asked boolean, by smallint, reason text, started_at timestamptz, at timestamptz);
COMMENT ON COLUMN effect_attempts.number IS 'counts the entries of an effect from 1; those before the last 32 are not kept';
COMMENT ON COLUMN effect_attempts.asked IS 'the gateway was asked what became of a call; otherwise it was called';

CREATE TABLE dead_letters (
    tenant_id      text COLLATE "C" NOT NULL,
    dead_letter_id text COLLATE "C" NOT NULL,
    aggregate_id   text COLLATE "C" NOT NULL,
    kind           text COLLATE "C" NOT NULL,
    payload        bytea NOT NULL,
    position       bigint NOT NULL,
    error          text NOT NULL,
    attempts       integer NOT NULL,
    created_at     timestamptz NOT NULL,
    replayed_at    timestamptz,
    PRIMARY KEY (tenant_id, dead_letter_id)
);
COMMENT ON TABLE dead_letters IS 'steps that kept failing; while replayed_at is null the aggregate is parked';
CREATE INDEX dead_letters_parked ON dead_letters (aggregate_id, tenant_id) WHERE replayed_at IS NULL;
CREATE INDEX dead_letters_aggregate ON dead_letters (aggregate_id, tenant_id);

CREATE TABLE items (
    tenant_id  text COLLATE "C" NOT NULL,
    sku        text COLLATE "C" NOT NULL,
    on_hand    bigint NOT NULL,
    reserved   bigint NOT NULL CHECK (reserved >= 0),
    sold       bigint NOT NULL CHECK (sold >= 0),
    version    bigint NOT NULL,
    seq        bigint NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, sku),
    CHECK (on_hand >= reserved)
) WITH (fillfactor = 50);
COMMENT ON TABLE items IS 'stock: available = on_hand - reserved, ever stocked = on_hand + sold';

CREATE TABLE timers (
    tenant_id    text COLLATE "C" NOT NULL,
    kind         text COLLATE "C" NOT NULL,
    aggregate_id text COLLATE "C" NOT NULL,
    due_at       timestamptz NOT NULL,
    leased_until timestamptz,
    PRIMARY KEY (tenant_id, kind, aggregate_id)
) WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.05);
COMMENT ON COLUMN timers.leased_until IS 'a process is firing it; after that another may';
CREATE INDEX timers_due ON timers (due_at);

-- Double entry. There are no rows of balances: a balance is a sum, and a row that every payment changes would make all batches
-- wait for each other.
CREATE TABLE ledger_transfers (
    tenant_id   text COLLATE "C" NOT NULL,
    transfer_id text COLLATE "C" NOT NULL,
    kind        text COLLATE "C" NOT NULL,
    order_id    text COLLATE "C" NOT NULL,
    currency    text COLLATE "C" NOT NULL,
    booked_at   timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, transfer_id)
);
CREATE TABLE ledger_entries (
    tenant_id    text COLLATE "C" NOT NULL,
    transfer_id  text COLLATE "C" NOT NULL,
    entry_no     integer NOT NULL CHECK (entry_no > 0),
    account      text COLLATE "C" NOT NULL CHECK (account <> ''),
    amount_minor bigint NOT NULL CHECK (amount_minor <> 0),
    PRIMARY KEY (tenant_id, transfer_id, entry_no)
);
COMMENT ON COLUMN ledger_entries.amount_minor IS 'above zero a credit, below zero a debit; the entries of a transfer sum to zero';

CREATE TABLE leases (
    name       text COLLATE "C" PRIMARY KEY,
    holder     text NOT NULL,
    fence      bigint NOT NULL,
    expires_at timestamptz NOT NULL
) WITH (fillfactor = 50);
COMMENT ON TABLE leases IS 'rights of one process to do something alone; the fence grows with every new holder';

CREATE TABLE cursors (
    name     text COLLATE "C" PRIMARY KEY,
    epoch    text NOT NULL,
    position bigint NOT NULL
) WITH (fillfactor = 50);
COMMENT ON TABLE cursors IS 'how far each consumer of the log has come, at least';

CREATE TABLE stream (
    one           boolean PRIMARY KEY DEFAULT true CHECK (one),
    epoch         text NOT NULL,
    next_position bigint NOT NULL CHECK (next_position > 0)
) WITH (fillfactor = 50);
COMMENT ON TABLE stream IS 'the log of all events: the name of its history and the next position to give';
INSERT INTO stream (epoch, next_position) VALUES (gen_random_uuid()::text, 1);

-- A batch that rests on rows which it has not read demands with this that they are as it took them to be, or that it fails.
-- +goose StatementBegin
CREATE FUNCTION expect(seen bigint, wanted bigint) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    IF seen <> wanted THEN
        RAISE EXCEPTION '% of % rows are as assumed', seen, wanted USING ERRCODE = 'OM001';
    END IF;
    RETURN true;
END
$$;
-- +goose StatementEnd

-- +goose Down
DROP FUNCTION expect;
DROP VIEW effect_attempts;
DROP TABLE stream, cursors, leases, ledger_entries, ledger_transfers, timers, items, dead_letters, effects, payments, reservations,
    order_lines, orders, idempotency_keys, events, batches;
DROP SEQUENCE batch_seq;
