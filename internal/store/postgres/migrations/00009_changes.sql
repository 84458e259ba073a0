-- +goose Up
CREATE TABLE order_details (
    tenant_id  text COLLATE "C" NOT NULL,
    order_id   text COLLATE "C" NOT NULL,
    delivery   jsonb CHECK (jsonb_typeof(delivery) = 'object'),
    client     jsonb CHECK (jsonb_typeof(client) = 'object'),
    batches    bigint NOT NULL CHECK (batches >= 0),
    version    bigint NOT NULL CHECK (version > 0),
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, order_id)
) WITH (fillfactor = 80);
COMMENT ON TABLE order_details IS 'what is known of the persons of an order; the only table with it: who is forgotten is changed here alone';
COMMENT ON COLUMN order_details.batches IS 'of changes that are told of in order_changes';

CREATE TABLE order_changes (
    tenant_id     text COLLATE "C" NOT NULL,
    batch_id      text COLLATE "C" NOT NULL,
    order_version bigint NOT NULL CHECK (order_version >= 0),
    at            timestamptz NOT NULL,
    changes       jsonb NOT NULL CHECK (jsonb_array_length(changes) > 0),
    PRIMARY KEY (tenant_id, batch_id)
);
COMMENT ON TABLE order_changes IS 'the history of the changes of orders, a row a request, without values';
COMMENT ON COLUMN order_changes.batch_id IS 'changes:<uuid of the order>/<number of the batch>';
COMMENT ON COLUMN order_changes.order_version IS 'that it made; 0 when it was refused';
