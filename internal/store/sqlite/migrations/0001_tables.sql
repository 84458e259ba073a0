-- The tables of the system. They are meant to be read: sqlite3 oms.db 'SELECT * FROM orders'.
--
-- Times are microseconds since 1970 in UTC (columns *_us): datetime(created_at_us / 1e6, 'unixepoch') writes one out. An integer
-- of 8 bytes is stored and compared without being formatted or parsed; a text would take 27. NULL is "none".
-- Amounts are minor units of the row's currency (columns *_minor). Enumerations are the numbers of the contract; the tables
-- order_statuses, payment_statuses, reservation_statuses, effect_states, effect_results, effect_parties and kinds
-- name them.
--
-- Every key holds the tenant. What is listed by tenant (orders, items) has it first. Everywhere else the identifier stands first: it
-- is what tells rows apart, so that most comparisons on the way down a b-tree end at the first column.
--
-- Tables whose keys grow with time are WITHOUT ROWID, so that a row is one entry of one b-tree, appended at its end. The keys of
-- clients are random: their table is in the order of arrival, and only its narrow unique index is hit at random.

CREATE TABLE kinds (kind INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT;
INSERT INTO kinds VALUES (1, 'order'), (2, 'reservation'), (3, 'payment'), (4, 'effect'), (5, 'deadletter'), (6, 'item');

CREATE TABLE order_statuses (status INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT;
INSERT INTO order_statuses VALUES (1, 'PENDING'), (2, 'RESERVED'), (3, 'PAID'), (4, 'CONFIRMED'), (5, 'CANCELED'), (6, 'REFUNDED');

CREATE TABLE payment_statuses (status INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT;
INSERT INTO payment_statuses VALUES (0, 'NONE'), (1, 'REQUESTED'), (2, 'PROCESSING'), (3, 'AUTHORIZED'), (4, 'CAPTURED'),
  (5, 'DECLINED'), (6, 'VOIDED'), (7, 'PARTIALLY_REFUNDED'), (8, 'REFUNDED'), (9, 'UNKNOWN');

CREATE TABLE reservation_statuses (status INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT;
INSERT INTO reservation_statuses VALUES (0, 'NONE'), (1, 'HELD'), (2, 'REJECTED'), (3, 'RELEASED'), (4, 'SOLD');

CREATE TABLE effect_states (state INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT;
INSERT INTO effect_states VALUES (1, 'OPEN'), (2, 'DONE'), (3, 'FAILED');

CREATE TABLE orders (
  tenant_id            TEXT    NOT NULL,
  order_id             TEXT    NOT NULL,
  customer_id          TEXT    NOT NULL,
  status               INTEGER NOT NULL CHECK (status BETWEEN 1 AND 6),
  status_reason        TEXT    NOT NULL,
  status_detail        TEXT    NOT NULL,
  currency             TEXT    NOT NULL,
  amount_minor         INTEGER NOT NULL,
  adjustments          TEXT,             -- JSON: [{"name": …, "amount_minor": …}]
  client_reference     TEXT    NOT NULL,
  metadata             TEXT,             -- JSON: {"name": "value"}
  payment_status       INTEGER NOT NULL CHECK (payment_status BETWEEN 0 AND 9),
  payment_token        TEXT    NOT NULL,
  keep_on_decline      INTEGER NOT NULL,
  decline_reason       TEXT    NOT NULL,
  captured_minor       INTEGER NOT NULL CHECK (captured_minor >= 0),
  refunded_minor       INTEGER NOT NULL CHECK (refunded_minor >= 0),
  refund_pending_minor INTEGER NOT NULL CHECK (refund_pending_minor >= 0),
  cancel_requested     INTEGER NOT NULL,
  expires_at_us        INTEGER,
  created_at_us        INTEGER NOT NULL,
  updated_at_us        INTEGER NOT NULL,
  version              INTEGER NOT NULL CHECK (version > 0),
  PRIMARY KEY (tenant_id, order_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX orders_by_customer ON orders (customer_id, tenant_id, order_id);

CREATE TABLE order_lines (
  tenant_id   TEXT    NOT NULL,
  order_id    TEXT    NOT NULL,
  line_no     INTEGER NOT NULL,
  sku         TEXT    NOT NULL,
  quantity    INTEGER NOT NULL CHECK (quantity > 0),
  price_minor INTEGER NOT NULL CHECK (price_minor >= 0),
  PRIMARY KEY (order_id, line_no, tenant_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE items (
  tenant_id     TEXT    NOT NULL,
  sku           TEXT    NOT NULL,
  on_hand       INTEGER NOT NULL,
  reserved      INTEGER NOT NULL CHECK (reserved >= 0),
  sold          INTEGER NOT NULL CHECK (sold >= 0),
  version       INTEGER NOT NULL,
  seq           INTEGER NOT NULL,
  updated_at_us INTEGER NOT NULL,
  PRIMARY KEY (tenant_id, sku),
  CHECK (on_hand >= reserved)
) STRICT, WITHOUT ROWID;

CREATE TABLE reservations (
  tenant_id      TEXT    NOT NULL,
  reservation_id TEXT    NOT NULL,
  order_id       TEXT    NOT NULL,
  status         INTEGER NOT NULL CHECK (status BETWEEN 0 AND 4),
  items          TEXT    NOT NULL, -- JSON: [{"sku": …, "qty": …}]
  rejected_sku   TEXT    NOT NULL,
  version        INTEGER NOT NULL,
  updated_at_us  INTEGER NOT NULL,
  PRIMARY KEY (reservation_id, tenant_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE payments (
  tenant_id            TEXT    NOT NULL,
  payment_id           TEXT    NOT NULL,
  order_id             TEXT    NOT NULL,
  status               INTEGER NOT NULL CHECK (status BETWEEN 0 AND 9),
  currency             TEXT    NOT NULL,
  amount_minor         INTEGER NOT NULL,
  provider             TEXT    NOT NULL,
  external_id          TEXT    NOT NULL,
  token                TEXT    NOT NULL,
  attempt              INTEGER NOT NULL,
  cancel_requested     INTEGER NOT NULL,
  captured_minor       INTEGER NOT NULL CHECK (captured_minor >= 0),
  refunded_minor       INTEGER NOT NULL CHECK (refunded_minor >= 0),
  refund_pending_minor INTEGER NOT NULL CHECK (refund_pending_minor >= 0),
  decline_reason       TEXT    NOT NULL,
  refunds              TEXT    NOT NULL, -- JSON: [{"number": …, "amount_minor": …, "state": …, "reason": …, "created_at": …}]
  version              INTEGER NOT NULL CHECK (version > 0),
  created_at_us        INTEGER NOT NULL,
  updated_at_us        INTEGER NOT NULL,
  PRIMARY KEY (payment_id, tenant_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE effects (
  tenant_id     TEXT    NOT NULL,
  effect_id     TEXT    NOT NULL,
  kind          TEXT    NOT NULL,
  aggregate_id  TEXT    NOT NULL,
  order_id      TEXT    NOT NULL,
  provider      TEXT    NOT NULL,
  token         TEXT    NOT NULL,
  external_id   TEXT    NOT NULL,
  currency      TEXT    NOT NULL,
  amount_minor  INTEGER NOT NULL,
  state         INTEGER NOT NULL CHECK (state BETWEEN 1 AND 3),
  owner         TEXT    NOT NULL,
  next_at_us    INTEGER NOT NULL,
  attempts      INTEGER NOT NULL,
  called        INTEGER NOT NULL,
  last_error    TEXT    NOT NULL,
  trace_id      TEXT    NOT NULL,
  created_at_us INTEGER NOT NULL,
  updated_at_us INTEGER NOT NULL,
  settled_by    INTEGER NOT NULL CHECK (settled_by BETWEEN 0 AND 4),
  history       TEXT CHECK (json_array_length(history) BETWEEN 1 AND 32), -- JSON; the view effect_attempts shows it as rows
  PRIMARY KEY (effect_id, tenant_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX effects_open ON effects (next_at_us) WHERE state = 1;

CREATE TABLE effect_results (result INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT;
INSERT INTO effect_results VALUES (1, 'SUCCEEDED'), (2, 'REFUSED'), (3, 'NOT_REACHED'), (4, 'UNKNOWN'), (5, 'PENDING'),
  (6, 'NOT_FOUND'), (7, 'UNANSWERED'), (8, 'UNUSABLE'), (9, 'GIVEN_UP'), (10, 'REOPENED');

CREATE TABLE effect_parties (party INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT;
INSERT INTO effect_parties VALUES (1, 'WORKER'), (2, 'RECONCILER'), (3, 'CALLBACK'), (4, 'OPERATOR');

-- The attempts that did not simply succeed at once, a row each, the last 32 of an effect; number counts on. They are kept in the
-- effect's own row, so that a call that goes well costs no row and no statement more. Times are texts in UTC.
CREATE VIEW effect_attempts AS
SELECT e.tenant_id, e.effect_id, e.kind, e.order_id, a.value ->> 'number' AS number, a.value ->> 'attempt' AS attempt,
  a.value ->> 'result' AS result, r.name AS result_name, coalesce(a.value ->> 'asked', 0) AS asked, p.name AS by_name,
  coalesce(a.value ->> 'reason', '') AS reason, a.value ->> 'started_at' AS started_at, a.value ->> 'at' AS at
FROM effects e, json_each(e.history) a
  JOIN effect_results r ON r.result = a.value ->> 'result' JOIN effect_parties p ON p.party = a.value ->> 'by';

CREATE TABLE dead_letters (
  tenant_id      TEXT    NOT NULL,
  dead_letter_id TEXT    NOT NULL,
  aggregate_id   TEXT    NOT NULL,
  kind           TEXT    NOT NULL,
  payload        BLOB    NOT NULL,
  position       INTEGER NOT NULL,
  error          TEXT    NOT NULL,
  attempts       INTEGER NOT NULL,
  created_at_us  INTEGER NOT NULL,
  replayed_at_us INTEGER,
  PRIMARY KEY (tenant_id, dead_letter_id)
) STRICT;
CREATE INDEX dead_letters_parked ON dead_letters (tenant_id, aggregate_id) WHERE replayed_at_us IS NULL;
CREATE INDEX dead_letters_aggregate ON dead_letters (aggregate_id, tenant_id);

CREATE TABLE timers (
  tenant_id       TEXT    NOT NULL,
  kind            TEXT    NOT NULL,
  aggregate_id    TEXT    NOT NULL,
  due_at_us       INTEGER NOT NULL,
  leased_until_us INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (aggregate_id, kind, tenant_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX timers_due ON timers (due_at_us);

-- Answers that commands with an idempotency key were given. key_id is the order of arrival, in which they are purged.
CREATE TABLE idempotency_keys (
  key_id        INTEGER PRIMARY KEY,
  tenant_id     TEXT    NOT NULL,
  principal     TEXT    NOT NULL,
  key           TEXT    NOT NULL,
  hash          BLOB    NOT NULL CHECK (length(hash) = 32),
  method        TEXT    NOT NULL,
  code          INTEGER NOT NULL,
  body          BLOB    NOT NULL,
  created_at_us INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX idempotency_keys_unique ON idempotency_keys (key, principal, tenant_id);

-- The log of everything. Positions have no gaps: the one writer takes them from stream in the transaction that uses them.
CREATE TABLE events (
  position        INTEGER PRIMARY KEY,
  event_id        BLOB    NOT NULL CHECK (length(event_id) = 16),
  tenant_id       TEXT    NOT NULL,
  aggregate_kind  INTEGER NOT NULL CHECK (aggregate_kind BETWEEN 1 AND 6),
  aggregate_id    TEXT    NOT NULL,
  seq             INTEGER NOT NULL CHECK (seq > 0),
  type            TEXT    NOT NULL,
  at_us           INTEGER NOT NULL,
  trace_id        TEXT    NOT NULL,
  idempotency_key TEXT    NOT NULL,
  schema_version  TEXT    NOT NULL,
  payload         BLOB    NOT NULL
) STRICT;
CREATE UNIQUE INDEX events_by_aggregate ON events (aggregate_id, aggregate_kind, tenant_id, seq);

-- A transaction each. An abandoned one was in doubt and shall never take place: its id is taken. Old ones are purged: those with
-- events when every reader has passed them, in the order of their positions.
CREATE TABLE batches (
  batch_id        BLOB    PRIMARY KEY NOT NULL CHECK (length(batch_id) = 16),
  first_position  INTEGER NOT NULL,
  events          INTEGER NOT NULL CHECK (events >= 0),
  committed_at_us INTEGER NOT NULL,
  abandoned       INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX batches_with_events ON batches (first_position) WHERE events > 0;
CREATE INDEX batches_without_events ON batches (committed_at_us) WHERE events = 0;

CREATE TABLE ledger_transfers (
  tenant_id   TEXT    NOT NULL,
  transfer_id TEXT    NOT NULL,
  kind        TEXT    NOT NULL,
  order_id    TEXT    NOT NULL,
  currency    TEXT    NOT NULL,
  at_us       INTEGER NOT NULL,
  PRIMARY KEY (transfer_id, tenant_id)
) STRICT, WITHOUT ROWID;

-- The balance of an account is the sum of its entries; there is no row of it to be wrong or hot.
CREATE TABLE ledger_entries (
  tenant_id    TEXT    NOT NULL,
  transfer_id  TEXT    NOT NULL,
  entry_no     INTEGER NOT NULL,
  account      TEXT    NOT NULL CHECK (account <> ''),
  amount_minor INTEGER NOT NULL CHECK (amount_minor <> 0),
  PRIMARY KEY (transfer_id, entry_no, tenant_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE leases (
  name          TEXT    PRIMARY KEY NOT NULL,
  holder        TEXT    NOT NULL,
  fence         INTEGER NOT NULL,
  expires_at_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE cursors (
  name     TEXT    PRIMARY KEY NOT NULL,
  epoch    TEXT    NOT NULL,
  position INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One row: the history's name, the position that the next event gets, the latest time ever given out, and where the first event of
-- the oldest batch with events is that was not purged.
CREATE TABLE stream (
  id            INTEGER PRIMARY KEY CHECK (id = 1),
  epoch         TEXT    NOT NULL,
  next_position INTEGER NOT NULL,
  clock_us      INTEGER NOT NULL,
  batches_from  INTEGER NOT NULL
) STRICT;
INSERT INTO stream VALUES (1, lower(hex(randomblob(16))), 1, 0, 1);
