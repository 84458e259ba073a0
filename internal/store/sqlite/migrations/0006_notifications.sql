-- How users are reached. The only table with their addresses: a user who is forgotten is changed here, and nowhere else.
CREATE TABLE contacts (
  tenant_id      TEXT    NOT NULL,
  user_id        TEXT    NOT NULL,
  email          TEXT    NOT NULL,
  phone          TEXT    NOT NULL,
  locale         TEXT    NOT NULL, -- BCP 47
  opted_out      TEXT CHECK (json_array_length(opted_out) > 0), -- JSON: ["email", "sms"]
  forgotten      INTEGER NOT NULL,
  paced_until_us INTEGER,
  version        INTEGER NOT NULL CHECK (version > 0),
  created_at_us  INTEGER NOT NULL,
  updated_at_us  INTEGER NOT NULL,
  PRIMARY KEY (user_id, tenant_id),
  CHECK (NOT forgotten OR (email = '' AND phone = '' AND locale = '' AND opted_out IS NULL))
) STRICT, WITHOUT ROWID;

CREATE TABLE notifications (
  tenant_id       TEXT    NOT NULL,
  notification_id TEXT    NOT NULL,
  user_id         TEXT    NOT NULL,
  channel         TEXT    NOT NULL CHECK (channel IN ('email', 'sms')),
  template        TEXT    NOT NULL,
  locale          TEXT    NOT NULL,
  parameters      TEXT, -- JSON: {name: text}
  order_id        TEXT    NOT NULL,
  provider        TEXT    NOT NULL,
  state           INTEGER NOT NULL CHECK (state BETWEEN 1 AND 7),
  reason          TEXT    NOT NULL,
  attempts        INTEGER NOT NULL,
  due_at_us       INTEGER,
  sent_at_us      INTEGER,
  version         INTEGER NOT NULL CHECK (version > 0),
  created_at_us   INTEGER NOT NULL,
  updated_at_us   INTEGER NOT NULL,
  PRIMARY KEY (notification_id, tenant_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX notifications_by_user ON notifications (tenant_id, user_id, notification_id);
CREATE INDEX notifications_by_order ON notifications (tenant_id, order_id, notification_id) WHERE order_id <> '';
