-- +goose Up
CREATE TABLE contacts (
    tenant_id   text COLLATE "C" NOT NULL,
    user_id     text COLLATE "C" NOT NULL,
    email       text NOT NULL,
    phone       text NOT NULL,
    locale      text COLLATE "C" NOT NULL,
    opted_out   jsonb CHECK (jsonb_array_length(opted_out) > 0),
    forgotten   boolean NOT NULL,
    paced_until timestamptz,
    version     bigint NOT NULL CHECK (version > 0),
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, user_id),
    CHECK (NOT forgotten OR (email = '' AND phone = '' AND locale = '' AND opted_out IS NULL))
) WITH (fillfactor = 80);
COMMENT ON TABLE contacts IS 'how users are reached; the only table with their addresses: who is forgotten is changed here alone';
COMMENT ON COLUMN contacts.locale IS 'BCP 47';
COMMENT ON COLUMN contacts.opted_out IS '["email", "sms"]';

CREATE TABLE notifications (
    tenant_id       text COLLATE "C" NOT NULL,
    notification_id text COLLATE "C" NOT NULL,
    user_id         text COLLATE "C" NOT NULL,
    channel         text COLLATE "C" NOT NULL CHECK (channel IN ('email', 'sms')),
    template        text COLLATE "C" NOT NULL,
    locale          text COLLATE "C" NOT NULL,
    parameters      jsonb,
    order_id        text COLLATE "C" NOT NULL,
    provider        text NOT NULL,
    state           smallint NOT NULL CHECK (state BETWEEN 1 AND 7),
    reason          text NOT NULL,
    attempts        integer NOT NULL,
    due_at          timestamptz,
    sent_at         timestamptz,
    version         bigint NOT NULL CHECK (version > 0),
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, notification_id)
) WITH (fillfactor = 80);
COMMENT ON TABLE notifications IS 'messages to users, without address and text';
COMMENT ON COLUMN notifications.state IS '1 SCHEDULED, 2 SENDING, 3 SENT, 4 FAILED, 5 SUPPRESSED, 6 DROPPED, 7 UNCONFIGURED';
CREATE INDEX notifications_by_user ON notifications (user_id, tenant_id, notification_id);
CREATE INDEX notifications_by_order ON notifications (tenant_id, order_id, notification_id) WHERE order_id <> '';
