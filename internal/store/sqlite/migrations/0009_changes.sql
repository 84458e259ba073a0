-- What is known of the persons of an order. The only table with it: whose details are forgotten is changed here, and nowhere else.
CREATE TABLE order_details (
  tenant_id     TEXT    NOT NULL,
  order_id      TEXT    NOT NULL,
  delivery      TEXT CHECK (json_type(delivery) = 'object'), -- JSON: {field: text}
  client        TEXT CHECK (json_type(client) = 'object'),
  batches       INTEGER NOT NULL CHECK (batches >= 0), -- of changes that are told of in order_changes
  version       INTEGER NOT NULL CHECK (version > 0),
  updated_at_us INTEGER NOT NULL,
  PRIMARY KEY (order_id, tenant_id)
) STRICT, WITHOUT ROWID;

-- The history of the changes of orders, a row a request. It has no values.
CREATE TABLE order_changes (
  tenant_id     TEXT    NOT NULL,
  batch_id      TEXT    NOT NULL, -- changes:<uuid of the order>/<number of the batch>
  order_version INTEGER NOT NULL CHECK (order_version >= 0), -- that it made; 0 when it was refused
  at_us         INTEGER NOT NULL,
  changes       TEXT    NOT NULL CHECK (json_array_length(changes) > 0), -- JSON: [{"path": …, "status": …}]
  PRIMARY KEY (batch_id, tenant_id)
) STRICT, WITHOUT ROWID;
