INSERT INTO kinds VALUES (7, 'catalogue'), (8, 'price');

-- Which tenants have a catalogue; a row is made with the first price and stays.
CREATE TABLE catalogues (
  tenant_id    TEXT    NOT NULL,
  catalogue_id TEXT    NOT NULL CHECK (catalogue_id = 'catalogue'),
  opened_at_us INTEGER NOT NULL,
  PRIMARY KEY (tenant_id, catalogue_id)
) STRICT, WITHOUT ROWID;

-- The price of one piece of each SKU, in minor units of its currency. A withdrawn one was deleted: the row stays, so that its
-- version goes on.
CREATE TABLE catalogue_prices (
  tenant_id     TEXT    NOT NULL,
  sku           TEXT    NOT NULL,
  currency      TEXT    NOT NULL CHECK (currency GLOB '[A-Z][A-Z][A-Z]'),
  price_minor   INTEGER NOT NULL CHECK (price_minor BETWEEN 0 AND 9007199254740991),
  withdrawn     INTEGER NOT NULL,
  version       INTEGER NOT NULL CHECK (version > 0),
  updated_at_us INTEGER NOT NULL,
  PRIMARY KEY (tenant_id, sku)
) STRICT, WITHOUT ROWID;
