-- +goose Up

CREATE TABLE catalogues (
    tenant_id    text COLLATE "C" NOT NULL,
    catalogue_id text COLLATE "C" NOT NULL CHECK (catalogue_id = 'catalogue'),
    opened_at    timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, catalogue_id)
);
COMMENT ON TABLE catalogues IS 'which tenants have a catalogue; a row is made with the first price and stays';

CREATE TABLE catalogue_prices (
    tenant_id   text COLLATE "C" NOT NULL,
    sku         text COLLATE "C" NOT NULL,
    currency    text COLLATE "C" NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    price_minor bigint NOT NULL CHECK (price_minor BETWEEN 0 AND 9007199254740991),
    withdrawn   boolean NOT NULL,
    version     bigint NOT NULL CHECK (version > 0),
    updated_at  timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, sku)
);
COMMENT ON TABLE catalogue_prices IS 'price of one piece of each SKU, in minor units of its currency';
COMMENT ON COLUMN catalogue_prices.withdrawn IS 'deleted: the row stays, so that its version goes on';
